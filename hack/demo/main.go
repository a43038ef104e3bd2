// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command demo does the main job of open-spawn on one machine: it starts a Kubernetes control plane, the gateway, a
// simulated DigitalOcean whose droplets run the agent, and the manager, applies config/samples, and shows how every Bot
// becomes Ready. `make demo` runs it.
//
// It reads four variables: ONCE=1 deletes everything again and proves that nothing is left; REAL=1 uses DigitalOcean,
// with the token in DIGITALOCEAN_ACCESS_TOKEN; KEEP=1 leaves the droplets of a real run alive. State and logs are in
// bin/demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

// usageError is the exit code of a program that was called wrongly.
const usageError = 2

// tokenVariable holds the DigitalOcean token of a real run.
const tokenVariable = "DIGITALOCEAN_ACCESS_TOKEN"

// settings are what the environment says.
type settings struct {
	once, real, keep bool
	token            string
}

func main() {
	s, err := readSettings(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(usageError)
	}
	// What we start inherits our environment, and only the manager may know the token, from a file.
	if err := os.Unsetenv(tokenVariable); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	log.SetLogger(logr.Discard()) // what libraries have to say is not for whoever watches a demo
	ctx, stop := localrun.SignalContext()
	err = run(ctx, s, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func readSettings(lookup func(string) (string, bool)) (settings, error) {
	is := func(name string) bool {
		value, _ := lookup(name)
		return value != "" && value != "0" && value != "false"
	}
	s := settings{once: is("ONCE"), real: is("REAL"), keep: is("KEEP")}
	if !s.real {
		return s, nil
	}
	if s.token, _ = lookup(tokenVariable); s.token == "" {
		return s, fmt.Errorf("REAL=1 uses DigitalOcean and needs a token in %s", tokenVariable)
	}
	if s.once && s.keep {
		return s, errors.New("ONCE=1 deletes every droplet and KEEP=1 keeps them: choose one")
	}
	return s, nil
}

// run is the demo from the first line to the last. Whatever it started is gone when it returns. A demo that was up when
// Ctrl-C came has gone well; one that was not has been interrupted.
func run(ctx context.Context, s settings, out io.Writer) (err error) {
	d := &demo{settings: s, out: out}
	if err := d.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		return localrun.OrInterrupted(ctx, err)
	}
	if s.real {
		// Not ctx: at Ctrl-C is when droplets that cost money have to go.
		defer func() { err = errors.Join(err, d.endReal(context.WithoutCancel(ctx))) }()
	}
	return localrun.OrInterrupted(ctx, d.perform(ctx))
}

// perform is what there is to see once everything runs.
func (d *demo) perform(ctx context.Context) error {
	if err := d.applySamples(ctx); err != nil {
		return err
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	if d.settings.once {
		return d.proveNothingLeft(ctx)
	}
	d.tour(ctx)
	return d.stayUp(ctx)
}
