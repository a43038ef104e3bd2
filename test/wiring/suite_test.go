// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package wiring proves that the real manager is put together right: in this process, and as the program that is
// shipped, with the rights that config/rbac gives it, against a real control plane and the simulator over HTTP.
//
// Accounts belong to the whole cluster, so one manager works at a time. Tests that need a manager of their own run one
// after the other; those that can share one are the parallel parts of one test.
package wiring

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/standin"
)

const (
	repository = "../.."
	// soonEnough bounds whatever takes a few seconds on an idle machine.
	soonEnough = 3 * time.Minute
	// handoverTime bounds the wait for another leader: the lease of one that was killed runs out after 15 s.
	handoverTime = 45 * time.Second
	// lookEvery is how often a condition is looked at.
	lookEvery = 50 * time.Millisecond
	// talkEvery is how often machines look for what is new to them.
	talkEvery = 100 * time.Millisecond
	// settleWindow leaves a lost reply in doubt for as short as a test can wait.
	settleWindow = 3 * time.Second
)

// shared is what all tests have together: one control plane with config/ installed, and the manager's program.
var shared struct {
	once   sync.Once
	err    error
	plane  *controlplane.Plane
	api    client.Client
	binary string
	dir    string
	// hush ends the machines' talk.
	hush func()
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	flag.Parse()
	// What is parallel here waits and does not compute: it all goes at once, on however few processors.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if shared.plane != nil {
		shared.hush()
		// Whatever was run, and in whatever order: the manager was never refused for want of a right.
		if err := refusals(shared.plane.AuditLogPath()); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = 1
		}
		if err := shared.plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := os.RemoveAll(shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// setUp starts the control plane and builds the program, once, both at a time.
func setUp(t *testing.T) {
	t.Helper()
	shared.once.Do(func() { shared.err = prepare(context.WithoutCancel(t.Context())) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}

func prepare(ctx context.Context) (err error) {
	if shared.dir, err = os.MkdirTemp("", "open-spawn-wiring-"); err != nil {
		return err
	}
	shared.binary = filepath.Join(shared.dir, "manager")
	built := make(chan error, 1)
	go func() {
		build := exec.CommandContext(ctx, "go", "build", "-o", shared.binary, "./cmd/manager")
		build.Dir = repository
		output, err := build.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("building the manager: %w\n%s", err, output)
		}
		built <- err
	}()
	// The controller manager finishes the deletion of namespaces; the audit log tells what the manager asked for.
	shared.plane, err = controlplane.Start(ctx, controlplane.Options{
		ControllerManager: true, AuditLevel: controlplane.AuditMetadata,
	})
	if err != nil {
		return err
	}
	shared.hush = func() {}
	if err := localrun.Install(ctx, shared.plane, repository); err != nil {
		return err
	}
	shared.api, err = client.New(shared.plane.Config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		return err
	}
	shared.hush = talk(ctx)
	return <-built
}

// talk lets the machines of every test talk, as if there were a gateway, until they are hushed.
func talk(ctx context.Context) (hush func()) {
	ctx, cancel := context.WithCancel(ctx)
	machines, ended := standin.New(shared.api, localrun.DeliveryNamespace, clock.RealClock{}), make(chan struct{})
	go func() {
		defer close(ended)
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			if err := machines.Turn(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "the machines:", err)
			}
		}, talkEvery)
	}()
	return func() { cancel(); <-ended }
}

// kubectl runs the pinned kubectl, which must succeed, and returns what it prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := shared.plane.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

// eventually waits until a condition is nil. The last error says what was missing.
func eventually(t *testing.T, what string, timeout time.Duration, condition func(context.Context) error) {
	t.Helper()
	last := errors.New("nobody has looked")
	err := wait.PollUntilContextTimeout(t.Context(), lookEvery, timeout, true,
		func(ctx context.Context) (bool, error) {
			seen := condition(ctx)
			if seen != nil && ctx.Err() == nil { // a look that was cut short says nothing
				last = seen
			}
			return seen == nil, nil
		})
	if err != nil {
		t.Fatalf("%s: not within %s: %v", what, timeout, last)
	}
}
