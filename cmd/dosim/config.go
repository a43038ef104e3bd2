// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/options"
)

// config is what the flags say.
type config struct {
	flags       *flag.FlagSet
	listen      string
	allowRemote bool
	tokens      tokenList
	options     dosim.Options
	// boot tells whether droplets run agent, and where their disks are; empty means somewhere temporary.
	boot           bool
	agent, bootDir string
	// openclaw is where the real one is; empty means a stand-in.
	openclaw, openclawCA, telegram string
}

func newConfig(usage io.Writer) *config {
	c := &config{flags: flag.NewFlagSet("dosim", flag.ContinueOnError), options: dosim.DefaultOptions()}
	c.options.Admin = true
	c.flags.SetOutput(usage)
	o := &c.options
	c.flags.StringVar(&c.listen, "listen", "127.0.0.1:9091", "address to listen on; port 0 chooses one")
	c.flags.BoolVar(&c.allowRemote, "allow-remote", false, "listen beyond loopback, admin endpoint included")
	c.flags.Var(&c.tokens, "token", "comma-separated bearer tokens to accept; empty accepts any")
	c.flags.DurationVar(&o.StateDelay, "state-delay", o.StateDelay, "how long a droplet is new")
	c.flags.DurationVar(&o.ActionDelay, "action-delay", o.ActionDelay, "how long an action is in progress")
	c.flags.DurationVar(&o.ListLag, "list-lag", o.ListLag, "how long a new droplet is missing from lists")
	c.flags.DurationVar(&o.TagLag, "tag-lag", o.TagLag, "how long new tags do not show")
	c.flags.DurationVar(&o.DeleteLag, "delete-lag", o.DeleteLag, "how long a destroyed droplet can be read")
	c.flags.IntVar(&o.DropletLimit, "droplet-limit", o.DropletLimit, "droplets that the account may have; 0 means 25000")
	c.flags.IntVar(&o.HourlyLimit, "hourly-limit", o.HourlyLimit, "requests per token and hour; 0 means unlimited")
	c.flags.IntVar(&o.MinuteLimit, "minute-limit", o.MinuteLimit, "requests per token and minute; 0 means unlimited")
	c.flags.BoolVar(&c.boot, "boot", false, "run an agent for every active droplet, from its user data")
	c.flags.StringVar(&c.agent, "agent", "", "`file` with the agent's program; unset means agent, beside dosim")
	c.flags.StringVar(&c.openclaw, "openclaw", "",
		"`directory` with Node and OpenClaw, which agents run; unset means that they run a stand-in")
	c.flags.StringVar(&c.openclawCA, "openclaw-ca-file", "", "`file` with certificates that OpenClaw trusts too")
	c.flags.StringVar(&c.telegram, "openclaw-telegram-url", "", "`URL` of what OpenClaw takes for Telegram")
	c.flags.StringVar(&c.bootDir, "boot-dir", "", "directory for the disks of droplets; unset means a temporary one")
	return c
}

// parse reads the flags and their environment, and refuses what cannot be meant.
func (c *config) parse(args []string, env options.LookupEnv) error {
	if err := options.Parse(c.flags, "DOSIM_", args, env); err != nil {
		return err
	}
	c.options.Tokens = c.tokens
	var bad *dosim.OptionError
	if err := c.options.Validate(); errors.As(err, &bad) {
		return fmt.Errorf("--%s %s", bad.Option, bad.Reason)
	}
	if !c.boot && c.agent+c.bootDir+c.openclaw != "" {
		return errors.New("--agent, --boot-dir and --openclaw go with --boot")
	}
	if c.openclaw == "" && c.openclawCA+c.telegram != "" {
		return errors.New("--openclaw-ca-file and --openclaw-telegram-url go with --openclaw")
	}
	host, _, err := net.SplitHostPort(c.listen)
	if err != nil {
		return fmt.Errorf("--listen must be host:port: %w", err)
	}
	if !c.allowRemote && !isLoopback(host) {
		return fmt.Errorf("--listen=%s is not a loopback address: the admin endpoint is open to everybody "+
			"who can reach it (--allow-remote listens all the same)", c.listen)
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// tokenList is a flag that holds tokens separated by commas.
type tokenList []string

// String shows how many tokens there are, for they are secrets.
func (l *tokenList) String() string {
	if l == nil || len(*l) == 0 {
		return ""
	}
	return fmt.Sprintf("%d tokens", len(*l))
}

// Set replaces the tokens.
func (l *tokenList) Set(value string) error {
	*l = nil
	if value != "" {
		*l = strings.Split(value, ",")
	}
	return nil
}
