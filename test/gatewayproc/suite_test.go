// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package gatewayproc proves that the gateway's program does what its flags say: as it is shipped, with the rights that
// config/gateway gives it, against a real API server; and that the agents' programs find it wherever it goes.
package gatewayproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/client-go/kubernetes"

	"github.com/cedros-io/open-spawn/internal/controlplane"
)

const repository = "../.."

// shared is what all tests have together.
var shared struct {
	plane      *controlplane.Plane
	kube       kubernetes.Interface // may do everything
	kubeconfig string               // may do what the gateway may
	binary     string
	agent      string // the agent's program
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "open-spawn-gateway-")
	if err == nil {
		err = prepare(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	} else {
		code = m.Run()
	}
	if shared.plane != nil {
		err = shared.plane.Stop()
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// prepare builds the programs, and gives the gateway an identity with the rights that are shipped.
func prepare(ctx context.Context, dir string) (err error) {
	if shared.binary, err = build(ctx, dir, "gateway"); err != nil {
		return err
	}
	if shared.agent, err = build(ctx, dir, "agent"); err != nil {
		return err
	}
	if shared.plane, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		return err
	}
	if shared.kube, err = kubernetes.NewForConfig(shared.plane.Config()); err != nil {
		return err
	}
	config := filepath.Join(repository, "config")
	for _, file := range []string{
		"manager/namespace.yaml", "gateway/delivery_namespace.yaml", "gateway/service_account.yaml", "gateway/role.yaml",
		"gateway/role_binding.yaml",
	} {
		if _, err := shared.plane.Kubectl(ctx, "apply", "--server-side", "-f", filepath.Join(config, file)); err != nil {
			return err
		}
	}
	shared.kubeconfig, err = shared.plane.ServiceAccountKubeconfig(ctx, "open-spawn-system", "gateway")
	return err
}

// build builds one of our programs into a directory.
func build(ctx context.Context, dir, name string) (path string, err error) {
	path = filepath.Join(dir, name)
	command := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/"+name)
	command.Dir = repository
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the %s: %w\n%s", name, err, output)
	}
	return path, nil
}
