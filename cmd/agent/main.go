// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command agent runs on a machine of the fleet: it talks to the gateway, and keeps the bot's runtime. As "agent helper"
// it is what systemd starts as root when the agent asks for one of a few things that only root can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent"
	"github.com/cedros-io/open-spawn/internal/agent/helper"
)

// usageError is the exit code of a program that was called wrongly.
const usageError = 2

func main() {
	if len(os.Args) == 2 && os.Args[1] == "helper" {
		if err := helper.Main(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "agent helper:", err)
			os.Exit(1)
		}
		return
	}
	config, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(usageError)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = agent.Run(ctx, config, agent.Deps{
		Clock: clock.RealClock{}, Random: rand.Float64, Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		Output: os.Stdout,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1) //nolint:gocritic // the process ends, and its signals with it
	}
}

// parse reads the flags and the file that they name.
func parse(args []string) (agent.Config, error) {
	var path string
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	fs.StringVar(&path, "config", "", "the `file` with the agent's configuration, in YAML (required)")
	if err := fs.Parse(args); err != nil {
		return agent.Config{}, err
	}
	if path == "" || fs.NArg() > 0 {
		return agent.Config{}, errors.New("--config FILE is all that it takes, and it takes that")
	}
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return agent.Config{}, fmt.Errorf("--config: %w", err)
	}
	config, err := agent.ParseConfig(content)
	if err != nil {
		return agent.Config{}, fmt.Errorf("--config %s: %w", path, err)
	}
	return config, nil
}
