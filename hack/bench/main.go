// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command bench measures a fleet of N bots, from apply to all Ready and back to nothing, on a real API server and the
// simulated DigitalOcean, with an edit of each while all are connected, then what the gateway costs beside a bare
// server, then what the webhook adds to the create of a bot, and then what fleets of 200, 1,000 and 10,000 droplets
// cost at rest. `make bench N=200` runs it. It prints a line of JSON for each of the four on standard
// output, progress on standard error, and fails when a bot did not get exactly one instance, when anything is left,
// when the webhook did not take one slot for each bot, or when a fleet at rest is not left alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

const (
	// usageError is the exit code of a program that was called wrongly.
	usageError = 2
	// defaultBots and maxBots are the fleet's size: what is quick, and what one installation is made for.
	defaultBots = 200
	maxBots     = 10000
)

func main() {
	if settings, is := os.LookupEnv(bareVariable); is {
		fmt.Fprintln(os.Stderr, "bench:", serveBare(settings))
		os.Exit(1)
	}
	bots, err := readBots(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(usageError)
	}
	ctrl.SetLogger(logr.Discard()) // what goes wrong is in an error
	ctx, stop := localrun.SignalContext()
	err = run(ctx, bots)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func readBots(lookup func(string) (string, bool)) (int, error) {
	value, _ := lookup("N")
	if value == "" {
		return defaultBots, nil
	}
	bots, err := strconv.Atoi(value)
	if err != nil || bots < 1 || bots > maxBots {
		return 0, fmt.Errorf("reading N: %q is not a number of bots from 1 to %d", value, maxBots)
	}
	return bots, nil
}

func say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// run measures once. The logs of a run that failed are kept, unless it was interrupted.
func run(ctx context.Context, bots int) (err error) {
	dir, err := os.MkdirTemp("", "open-spawn-bench-")
	if err != nil {
		return fmt.Errorf("creating a directory: %w", err)
	}
	defer func() {
		if err != nil && !errors.Is(err, localrun.ErrInterrupted) {
			say("logs are in %s", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	s, err := startStage(ctx, dir)
	defer func() { err = errors.Join(err, s.stop()) }()
	if err != nil {
		return localrun.OrInterrupted(ctx, err)
	}
	if err := s.measureAll(ctx, bots); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	rest, err := measureRest(ctx, dir)
	if err != nil {
		return localrun.OrInterrupted(ctx, err)
	}
	return json.NewEncoder(os.Stdout).Encode(rest)
}

// measureAll measures and prints what is measured on the stage.
func (s *stage) measureAll(ctx context.Context, bots int) error {
	for _, measure := range []func() (any, error){
		func() (any, error) { return s.measure(ctx, bots) },
		func() (any, error) { return s.measureGateway(ctx) },
		func() (any, error) { return s.measureAdmission(ctx) },
	} {
		measured, err := measure()
		if err != nil {
			if s.manager != nil {
				err = fmt.Errorf("%w; the manager's log ends with:\n%s", err, localrun.Tail(s.manager.Log, logTail))
			}
			return localrun.OrInterrupted(ctx, err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(measured); err != nil {
			return err
		}
	}
	return nil
}
