// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package admission proves that nobody exceeds an Account's limit at the API server: three webhook servers behind a
// round-robin proxy, as replicas behind a Service, while many create, retry, dry-run, downgrade and delete at once.
package admission

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	repository = "../.."
	// namespace is where all Bots of these tests are.
	namespace = "storm"
)

// shared is what all tests have together.
var shared struct {
	plane *controlplane.Plane
	api   client.Client
	proxy proxy
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	if err := prepare(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := shared.plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepare(ctx context.Context) (err error) {
	shared.plane, err = controlplane.Start(ctx, controlplane.Options{
		CRDPaths: []string{filepath.Join(repository, "config", "crd", "bases")},
	})
	if err != nil {
		return err
	}
	shared.api, err = client.New(shared.plane.Config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		return err
	}
	if err := shared.api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	return serveWebhooks(ctx)
}
