// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package talk proves that all the parts talk: the programs that are shipped, two gateways, a manager and the agents of
// the simulator's droplets, on a real control plane and with the rights of config/. Its tests share them, each with
// Bots of its own.
package talk

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	// soonEnough bounds whatever takes a few seconds on an idle machine.
	soonEnough = 90 * time.Second
	// lookEvery is how often a condition is looked at.
	lookEvery = 50 * time.Millisecond
)

// stage is what all tests have together.
var stage struct {
	dir       string
	plane     *controlplane.Plane
	api       client.Client
	gateways  []*localrun.Gateway
	simulator *localrun.Simulator
	manager   *localrun.Manager
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	flag.Parse()
	code := 1
	if err := raise(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := strike(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// raise builds and starts everything, at the highest verbosity.
func raise(ctx context.Context) (err error) {
	if stage.dir, err = os.MkdirTemp("", "open-spawn-talk-"); err != nil {
		return err
	}
	root, err := localrun.Root()
	if err != nil {
		return err
	}
	programs := filepath.Join(stage.dir, "programs")
	if err := localrun.BuildInto(ctx, root, programs, func(string, ...any) {}); err != nil {
		return err
	}
	stage.plane, err = controlplane.Start(ctx, controlplane.Options{
		Dir: filepath.Join(stage.dir, "plane"), ControllerManager: true, AuditLevel: controlplane.AuditMetadata,
	})
	if err != nil {
		return err
	}
	if err := localrun.Install(ctx, stage.plane, root); err != nil {
		return err
	}
	if stage.api, err = client.New(stage.plane.Config(), client.Options{Scheme: manager.Scheme()}); err != nil {
		return err
	}
	return run(ctx, func(name string) string { return filepath.Join(programs, name) })
}

// run starts our programs.
func run(ctx context.Context, program func(name string) string) error {
	for _, name := range []string{"one", "two"} {
		gateway, err := localrun.StartGateway(ctx, localrun.GatewayOptions{
			Binary: program("gateway"), Log: logOf("gateway-" + name), Cluster: stage.plane, Dir: stage.dir, Name: name,
			Flags: []string{"--log-level=debug"},
		})
		if err != nil {
			return err
		}
		stage.gateways = append(stage.gateways, gateway)
	}
	var err error
	stage.simulator, err = localrun.StartSimulator(ctx, program("dosim"), logOf("dosim"),
		"--boot", "--agent="+program("agent"), "--boot-dir="+filepath.Join(stage.dir, "machines"))
	if err != nil {
		return err
	}
	urls, authorities, err := addresses()
	if err != nil {
		return err
	}
	stage.manager, err = localrun.StartManager(ctx, localrun.ManagerOptions{
		Binary: program("manager"), Log: logOf("manager"), Cluster: stage.plane, Gateway: stage.gateways[0],
		Token: localrun.SimulatorToken, TokenFile: filepath.Join(stage.dir, "token"), CloudURL: stage.simulator.URL,
		Flags: []string{
			"--log-level=debug", "--inventory-interval=1s", "--gateway-url=" + urls, "--gateway-ca-file=" + authorities,
		},
	})
	return err
}

// addresses are where the gateways are, and a file with what proves both.
func addresses() (urls, authorities string, err error) {
	var all []string
	var bundle []byte
	for _, gateway := range stage.gateways {
		authority, err := os.ReadFile(gateway.CAFile)
		if err != nil {
			return "", "", err
		}
		all, bundle = append(all, gateway.URL), append(bundle, authority...)
	}
	authorities = filepath.Join(stage.dir, "authorities.pem")
	return strings.Join(all, ","), authorities, os.WriteFile(authorities, bundle, 0o600)
}

func logOf(program string) string { return filepath.Join(stage.dir, program+".log") }

// strike ends everything.
func strike() error {
	var errs []error
	if stage.manager != nil {
		errs = append(errs, stage.manager.Stop())
	}
	if stage.simulator != nil {
		errs = append(errs, stage.simulator.Stop())
	}
	for _, gateway := range stage.gateways {
		errs = append(errs, gateway.Stop())
	}
	if stage.plane != nil {
		errs = append(errs, stage.plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(stage.dir))...)
}

// eventually waits until a condition is nil. The last error says what was missing.
func eventually(t *testing.T, what string, condition func(context.Context) error) {
	t.Helper()
	last := errors.New("nobody has looked")
	err := wait.PollUntilContextTimeout(t.Context(), lookEvery, soonEnough, true,
		func(ctx context.Context) (bool, error) {
			seen := condition(ctx)
			if seen != nil && ctx.Err() == nil { // a look that was cut short says nothing
				last = seen
			}
			return seen == nil, nil
		})
	if err != nil {
		t.Fatalf("%s: not within %s: %v", what, soonEnough, last)
	}
}

// kubectl runs the pinned kubectl, which must succeed.
func kubectl(t *testing.T, args ...string) {
	t.Helper()
	if _, err := stage.plane.Kubectl(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}
