// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command agent runs on a machine of the fleet: it talks to the gateway, and keeps the bot's runtime. As "agent helper"
// it is what systemd starts as root when the agent asks for one of a few things that only root can do, and as "agent
// guard" it watches over a build of itself that is on trial.
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
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "helper":
		err = helper.Main(ctx)
	case len(args) == 3 && args[0] == "guard":
		err = watch(ctx, args[1:], log)
	default:
		err = run(ctx, args, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(exitCode(err)) //nolint:gocritic // the process ends, and its signals with it
	}
}

// run is the agent, or whichever build of it is to run.
func run(ctx context.Context, args []string, log *slog.Logger) error {
	config, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return &badUsage{err}
	}
	self, err := chosen(ctx, config.StateDirectory, log)
	if err != nil {
		return err
	}
	err = agent.Run(ctx, config, agent.Deps{
		Clock: clock.RealClock{}, Random: rand.Float64, Log: log, Output: os.Stdout, Self: self.digest,
	})
	if errors.Is(err, agent.ErrReplaced) {
		err = self.restart()
	}
	return err
}

// badUsage is what a program says that was called wrongly.
type badUsage struct{ error }

func exitCode(err error) int {
	var bad *badUsage
	if errors.As(err, &bad) {
		return usageError
	}
	return 1
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
