// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

const (
	// stateDelay is how long a simulated droplet is new. DigitalOcean takes half a minute; the difference is a wait
	// that costs us nothing, and would hide what does.
	stateDelay = time.Second
	// unlimited is how many calls the manager may make in a minute, where the simulator has no limit.
	unlimited = 1_000_000
	// logTail is how many lines of the manager's log explain a failure.
	logTail = 30
)

// stage is what the benchmark runs on. There is no controller manager: nothing that is measured needs one, and it would
// take processor time from what is.
type stage struct {
	scheme    *runtime.Scheme
	dir, root string
	plane     *controlplane.Plane
	api       client.Client
	simulator *localrun.Simulator
	gateway   *localrun.Gateway
	manager   *localrun.Manager
}

// startStage starts everything; the stage is to be stopped also when it fails.
func startStage(ctx context.Context, dir string) (*stage, error) {
	s := &stage{scheme: runtime.NewScheme(), dir: dir}
	if err := errors.Join(
		corev1.AddToScheme(s.scheme), coordinationv1.AddToScheme(s.scheme), spawnv1.AddToScheme(s.scheme),
	); err != nil {
		return s, fmt.Errorf("knowing our kinds: %w", err)
	}
	var err error
	if s.root, err = localrun.Root(); err != nil {
		return s, err
	}
	if err := localrun.Build(ctx, s.root, say); err != nil {
		return s, err
	}
	s.plane, err = controlplane.Start(ctx, controlplane.Options{
		Dir: dir, AuditLevel: controlplane.AuditMetadata, Output: os.Stderr,
		ExtraAPIServerArgs: map[string][]string{"audit-log-maxsize": {"100000"}}, // megabytes: one file, never rotated
	})
	if err != nil {
		return s, err
	}
	if err := localrun.Install(ctx, s.plane, s.root); err != nil {
		return s, err
	}
	if s.api, err = client.New(s.plane.Config(), client.Options{Scheme: s.scheme}); err != nil {
		return s, fmt.Errorf("creating the client: %w", err)
	}
	s.simulator, err = localrun.StartSimulator(ctx, s.program("dosim"), s.log("dosim"),
		"--hourly-limit=0", "--minute-limit=0", "--state-delay="+stateDelay.String())
	if err != nil {
		return s, err
	}
	s.gateway, err = localrun.StartGateway(ctx, localrun.GatewayOptions{
		Binary: s.program("gateway"), Log: s.log("gateway"), Cluster: s.plane, Dir: s.dir, Name: "bench",
	})
	if err != nil {
		return s, err
	}
	return s, s.startManager(ctx)
}

// startManager starts a manager, and returns when the API server asks its webhooks.
func (s *stage) startManager(ctx context.Context) (err error) {
	s.manager, err = localrun.StartManager(ctx, localrun.ManagerOptions{
		Binary: s.program("manager"), Log: s.log("manager"), Cluster: s.plane, Gateway: s.gateway,
		Token: localrun.SimulatorToken, TokenFile: filepath.Join(s.dir, "token"), CloudURL: s.simulator.URL,
		// The simulator has no limit, and what is measured is the manager's own speed.
		Flags: []string{fmt.Sprintf("--digitalocean-calls-per-minute=%d", unlimited)},
	})
	return err
}

func (s *stage) program(name string) string { return filepath.Join(s.root, "bin", name) }

func (s *stage) log(name string) string { return filepath.Join(s.dir, "logs", name+".log") }

// stop ends what was started, the last first. It may be called again.
func (s *stage) stop() error {
	var errs []error
	if s.manager != nil {
		errs = append(errs, s.manager.Stop())
	}
	if s.simulator != nil {
		errs = append(errs, s.simulator.Stop())
	}
	if s.gateway != nil {
		errs = append(errs, s.gateway.Stop())
	}
	if s.plane != nil {
		errs = append(errs, s.plane.Stop())
	}
	return errors.Join(errs...)
}
