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
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/localrun/stage"
)

const (
	// soonEnough bounds whatever takes a few seconds on an idle machine.
	soonEnough = 90 * time.Second
	// lookEvery is how often a condition is looked at.
	lookEvery = 50 * time.Millisecond
)

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
	if _, err := shared.Plane.Kubectl(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}
