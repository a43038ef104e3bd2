// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package testenv is the world that controller tests run in: a real API server, the DigitalOcean simulator behind the
// real client, a clock that is moved by hand, and the controllers, whose Reconcile is called directly. Nothing sleeps.
// It is imported by tests only.
package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cedros-io/open-spawn/internal/controlplane"
)

var plane *controlplane.Plane

// Main runs a package's tests with one API server for all of them. Call it from TestMain.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	crds, err := crdPath()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	plane, err = controlplane.Start(context.Background(), controlplane.Options{
		CRDPaths: []string{crds},
		// Nobody watches here, and a list from etcd need not wait for a cache to have caught up.
		ExtraAPIServerArgs: map[string][]string{"watch-cache": {"false"}},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// crdPath walks up to the directory with config/crd/bases in it.
func crdPath() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the CRDs: %w", err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "config", "crd", "bases")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("finding the CRDs: no config/crd/bases above the working directory")
}
