// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package talk proves that all the parts talk: the programs that are shipped, two gateways, a manager and the agents of
// the simulator's droplets, on a real control plane and with the rights of config/. Its tests share them, each with
// Bots of its own.
package talk

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/localrun/stage"
)

// soonEnough bounds whatever takes a few seconds on an idle machine.
const soonEnough = 90 * time.Second

// shared is what all tests have together.
var shared *stage.Stage

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	flag.Parse()
	code := 1
	var err error
	shared, err = stage.Raise(context.Background(), stage.Options{
		Gateways: []string{"one", "two"}, ManagerFlags: []string{"--inventory-interval=1s"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := shared.Strike(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// eventually waits until a condition is nil.
func eventually(t *testing.T, what string, condition func(context.Context) error) {
	t.Helper()
	if err := stage.Eventually(t.Context(), soonEnough, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// kubectl runs the pinned kubectl, which must succeed.
func kubectl(t *testing.T, args ...string) {
	t.Helper()
	if _, err := shared.Plane.Kubectl(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}
