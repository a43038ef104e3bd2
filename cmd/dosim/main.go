// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command dosim serves the simulated DigitalOcean API on loopback, with its admin endpoint under /_sim/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/options"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run is main without the process: it serves until ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, env options.LookupEnv, stdout, stderr io.Writer) int {
	c := newConfig(stderr)
	switch err := c.parse(args, env); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "dosim:", err)
		return 2
	}
	machines, err := c.machines(stderr)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "dosim: --boot:", err)
		return 1
	}
	code := c.listenAndServe(ctx, stdout, stderr)
	if err := machines.Close(); err != nil {
		_, _ = fmt.Fprintln(stderr, "dosim: --boot:", err)
		return 1
	}
	return code
}

// listenAndServe is the simulator, with machines or without.
func (c *config) listenAndServe(ctx context.Context, stdout, stderr io.Writer) int {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.listen)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "dosim: cannot listen on --listen=%s: %v\n", c.listen, err)
		return 1
	}
	_, _ = fmt.Fprintf(stdout, "dosim: serving http://%s\n", listener.Addr())
	if err := serve(ctx, listener, c.options); err != nil {
		_, _ = fmt.Fprintln(stderr, "dosim:", err)
		return 1
	}
	return 0
}

// serve ends when ctx does. Requests that a fault is holding are let go first, so that they do not hold up the end.
func serve(ctx context.Context, listener net.Listener, opts dosim.Options) error {
	sim := dosim.New(opts)
	if opts.Machines != nil {
		go keepUp(ctx, sim)
	}
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	sim.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
