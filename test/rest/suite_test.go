// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package rest proves what a fleet costs in calls: at rest, when it is made in one go, and while one account goes
// round in circles. All that the manager is made of runs as it is shipped, its watches, caches, work queues and
// workers included, against a real API server and the simulator over HTTP; only the clock is the test's, that of
// the work queues too, so that an hour passes in seconds.
package rest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/controlplane"
)

// plane is the API server of all tests.
var plane *controlplane.Plane

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	var err error
	plane, err = controlplane.Start(context.Background(), controlplane.Options{
		CRDPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
