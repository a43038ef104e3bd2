// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// tokenFile is the file in the demo's directory that hands the DigitalOcean token to the manager.
const tokenFile = "token"

// demo is the pieces that run, in the order in which they were started.
type demo struct {
	settings settings
	out      io.Writer

	root, dir string
	lock      *os.File

	plane     *controlplane.Plane
	api       client.Client
	gateway   *localrun.Gateway
	simulator *localrun.Simulator // nil in a real run
	manager   *localrun.Manager
	fleet     string // the fleet id of a real run
}

// say prints one line; that it cannot be printed stops nothing.
func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, "demo: "+format+"\n", args...)
}

// print prints lines as they are.
func (d *demo) print(lines ...string) {
	for _, line := range lines {
		_, _ = fmt.Fprintln(d.out, line)
	}
}

// prepare takes and cleans the directory.
func (d *demo) prepare() error {
	var err error
	if d.root, err = localrun.Root(); err != nil {
		return err
	}
	d.dir = filepath.Join(d.root, "bin", "demo")
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("creating %s: %w", d.dir, err)
	}
	if d.lock, err = lock(d.dir); err != nil {
		return err
	}
	return clean(d.dir)
}

// start builds and starts everything. What it started when it fails is stopped by stop.
func (d *demo) start(ctx context.Context) error {
	err := localrun.Build(ctx, d.root, d.say)
	if err != nil {
		return err
	}
	d.plane, err = controlplane.Start(ctx, controlplane.Options{Dir: d.dir, ControllerManager: true, Output: d.out})
	if err != nil {
		return err
	}
	d.say("installing the CRDs, the namespaces, and the rights of manager and gateway")
	if err := localrun.Install(ctx, d.plane, d.root); err != nil {
		return err
	}
	if d.api, err = newClient(d.plane); err != nil {
		return err
	}
	return d.startPrograms(ctx)
}

// startPrograms starts ours.
func (d *demo) startPrograms(ctx context.Context) error {
	var err error
	d.gateway, err = localrun.StartGateway(ctx, localrun.GatewayOptions{
		Binary: d.program("gateway"), Log: d.log("gateway"), Cluster: d.plane, Dir: d.dir, Name: "demo",
	})
	if err != nil {
		return err
	}
	d.say("gateway at %s, as %s", d.gateway.URL, localrun.GatewayUser)
	manager := localrun.ManagerOptions{
		Binary: d.program("manager"), Log: d.log("manager"), Cluster: d.plane, Gateway: d.gateway,
		Token: localrun.SimulatorToken, TokenFile: filepath.Join(d.dir, tokenFile),
	}
	if d.settings.real {
		d.announceReal()
		manager.Token, manager.FleetID = d.settings.token, d.fleet
	} else {
		d.simulator, err = localrun.StartSimulator(ctx, d.program("dosim"), d.log("dosim"),
			"--boot", "--agent="+d.program("agent"), "--boot-dir="+filepath.Join(d.dir, "machines"))
		if err != nil {
			return err
		}
		d.say("simulated DigitalOcean at %s, whose droplets run the agent", d.simulator.URL)
		manager.CloudURL = d.simulator.URL
	}
	if d.manager, err = localrun.StartManager(ctx, manager); err != nil {
		return err
	}
	d.say("manager ready, as %s", localrun.ManagerUser)
	return nil
}

func (d *demo) program(name string) string { return filepath.Join(d.root, "bin", name) }

// log is the path of a program's log, beside those of the control plane.
func (d *demo) log(program string) string { return filepath.Join(d.dir, "logs", program+".log") }

// stop ends what was started, the last first. The logs stay.
func (d *demo) stop() error {
	d.say("stopping")
	var errs []error
	if d.manager != nil {
		errs = append(errs, d.manager.Stop())
	}
	if d.simulator != nil {
		errs = append(errs, d.simulator.Stop())
	}
	if d.gateway != nil {
		errs = append(errs, d.gateway.Stop())
	}
	if d.plane != nil {
		errs = append(errs, d.plane.Stop())
	}
	if err := os.Remove(filepath.Join(d.dir, tokenFile)); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, d.lock.Close())...)
}

func newClient(plane *controlplane.Plane) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := spawnv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("creating the client: %w", err)
	}
	api, err := client.New(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("creating the client: %w", err)
	}
	return api, nil
}
