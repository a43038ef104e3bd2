// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package stage runs everything at once for tests: a control plane with open-spawn installed, gateways, the simulated
// DigitalOcean with an agent on each droplet, and a manager, each as the program that is shipped, with its own rights.
package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const fileMode = 0o600

// Options are what stages differ in.
type Options struct {
	// Gateways are the names of the gateways, at least one.
	Gateways []string
	// SimulatorFlags and ManagerFlags are more flags of theirs.
	SimulatorFlags, ManagerFlags []string
}

// Stage is what runs.
type Stage struct {
	// Dir is where logs, disks and certificates are.
	Dir string
	// Plane is the control plane, and API a client that may do everything there.
	Plane *controlplane.Plane
	API   client.Client
	// Gateways, Simulator and Manager are our programs.
	Gateways  []*localrun.Gateway
	Simulator *localrun.Simulator
	Manager   *localrun.Manager
}

// Raise builds and starts everything, at the highest verbosity. Strike what it returns also when there is an error.
func Raise(ctx context.Context, o Options) (*Stage, error) {
	s := &Stage{}
	var err error
	if s.Dir, err = os.MkdirTemp("", "open-spawn-stage-"); err != nil {
		return s, fmt.Errorf("raising a stage: %w", err)
	}
	root, err := localrun.Root()
	if err != nil {
		return s, err
	}
	if err := localrun.BuildInto(ctx, root, s.in("programs"), func(string, ...any) {}); err != nil {
		return s, err
	}
	s.Plane, err = controlplane.Start(ctx, controlplane.Options{
		Dir: s.in("plane"), ControllerManager: true, AuditLevel: controlplane.AuditMetadata,
	})
	if err != nil {
		return s, err
	}
	if err := localrun.Install(ctx, s.Plane, root); err != nil {
		return s, err
	}
	if s.API, err = client.New(s.Plane.Config(), client.Options{Scheme: manager.Scheme()}); err != nil {
		return s, fmt.Errorf("raising a stage: %w", err)
	}
	return s, s.run(ctx, o)
}

// run starts our programs.
func (s *Stage) run(ctx context.Context, o Options) error {
	for _, name := range o.Gateways {
		gateway, err := localrun.StartGateway(ctx, localrun.GatewayOptions{
			Binary: s.program("gateway"), Log: s.log("gateway-" + name), Cluster: s.Plane, Dir: s.Dir, Name: name,
			Flags: []string{"--log-level=debug"},
		})
		if err != nil {
			return err
		}
		s.Gateways = append(s.Gateways, gateway)
	}
	flags := append([]string{"--boot", "--agent=" + s.program("agent"), "--boot-dir=" + s.in("machines")},
		o.SimulatorFlags...)
	var err error
	if s.Simulator, err = localrun.StartSimulator(ctx, s.program("dosim"), s.log("dosim"), flags...); err != nil {
		return err
	}
	urls, authorities, err := s.addresses()
	if err != nil {
		return err
	}
	flags = append([]string{"--log-level=debug", "--gateway-url=" + urls, "--gateway-ca-file=" + authorities},
		o.ManagerFlags...)
	s.Manager, err = localrun.StartManager(ctx, localrun.ManagerOptions{
		Binary: s.program("manager"), Log: s.log("manager"), Cluster: s.Plane, Gateway: s.Gateways[0],
		Token: localrun.SimulatorToken, TokenFile: s.in("token"), CloudURL: s.Simulator.URL, Flags: flags,
	})
	return err
}

// addresses are where the gateways are, and a file with what proves all of them.
func (s *Stage) addresses() (urls, authorities string, err error) {
	var all []string
	var bundle []byte
	for _, gateway := range s.Gateways {
		authority, err := os.ReadFile(gateway.CAFile)
		if err != nil {
			return "", "", fmt.Errorf("reading what proves a gateway: %w", err)
		}
		all, bundle = append(all, gateway.URL), append(bundle, authority...)
	}
	authorities = s.in("authorities.pem")
	return strings.Join(all, ","), authorities, os.WriteFile(authorities, bundle, fileMode) //nolint:gosec // ours
}

func (s *Stage) in(name string) string { return filepath.Join(s.Dir, name) }

func (s *Stage) program(name string) string { return filepath.Join(s.in("programs"), name) }

func (s *Stage) log(program string) string { return s.in(program + ".log") }

// Strike ends everything that runs, and removes the logs.
func (s *Stage) Strike() error {
	var errs []error
	if s.Manager != nil {
		errs = append(errs, s.Manager.Stop())
	}
	if s.Simulator != nil {
		errs = append(errs, s.Simulator.Stop())
	}
	for _, gateway := range s.Gateways {
		errs = append(errs, gateway.Stop())
	}
	if s.Plane != nil {
		errs = append(errs, s.Plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.Dir))...)
}
