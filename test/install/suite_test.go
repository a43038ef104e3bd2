// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package install proves that what config/ says is what a real API server takes: the CRDs, the manager's deployment
// and the samples, applied with the pinned kubectl as the comments in config/ tell people to.
package install

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/controlplane"
)

const (
	crdDir     = "../../config/crd"
	defaultDir = "../../config/default"
	samplesDir = "../../config/samples"
	webhookDir = "../../config/webhook"

	// systemNamespace is where the manager lives.
	systemNamespace = "open-spawn-system"
	// partOf is the label of everything that config/ installs.
	partOf = "app.kubernetes.io/part-of=open-spawn"
	// managerName names the manager's Deployment, PodDisruptionBudget and NetworkPolicy.
	managerName = "open-spawn-manager"
	// managerAccount names the manager's ServiceAccount.
	managerAccount = "manager"
	// webhooksName names the ValidatingWebhookConfiguration, and webhookService their Service.
	webhooksName, webhookService = "open-spawn", "open-spawn-webhook"
	// waitTimeout bounds each wait of kubectl; alone, none takes more than a few seconds.
	waitTimeout = "--timeout=90s"
)

// cluster is the one control plane of these tests. Each part is put there by the first test that needs it.
var cluster struct {
	plane *controlplane.Plane

	crds, manager       sync.Once
	crdsErr, managerErr error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if cluster.plane != nil {
		if err := cluster.plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// withCRDs gives a control plane that knows our kinds.
func withCRDs(t *testing.T) *controlplane.Plane {
	t.Helper()
	cluster.crds.Do(func() { cluster.crdsErr = installCRDs(context.WithoutCancel(t.Context())) })
	if cluster.crdsErr != nil {
		t.Fatal(cluster.crdsErr)
	}
	return cluster.plane
}

// withManager gives a control plane with everything that config/default installs.
func withManager(t *testing.T) *controlplane.Plane {
	t.Helper()
	plane := withCRDs(t)
	cluster.manager.Do(func() {
		_, cluster.managerErr = plane.Kubectl(t.Context(), "apply", "--server-side", "-k", defaultDir)
	})
	if cluster.managerErr != nil {
		t.Fatal(cluster.managerErr)
	}
	kubectl(t, "apply", "--server-side", "-k", webhookDir) // another test may have taken them away
	return plane
}

// withoutWebhooks takes the admission webhooks away: no manager runs here that could be asked about a Bot.
func withoutWebhooks(t *testing.T) {
	t.Helper()
	kubectl(t, "delete", "--ignore-not-found", "validatingwebhookconfiguration", webhooksName)
}

func installCRDs(ctx context.Context) error {
	// The controller manager turns Deployments into pods and finishes the deletion of namespaces.
	plane, err := controlplane.Start(ctx, controlplane.Options{ControllerManager: true, Output: os.Stderr})
	if err != nil {
		return err
	}
	cluster.plane = plane
	if _, err := plane.Kubectl(ctx, "apply", "--server-side", "-k", crdDir); err != nil {
		return err
	}
	_, err = plane.Kubectl(ctx, "wait", "--for=condition=Established", waitTimeout, "-l", partOf, "crd")
	return err
}

// kubectl runs the pinned kubectl, which must succeed, and returns what it prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := cluster.plane.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

// admin returns a client that may do everything, and the warnings that the API server sends it.
func admin(t *testing.T) (client.Client, *warnings) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, spawnv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	heard := &warnings{}
	config := cluster.plane.Config()
	config.WarningHandler = heard
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return api, heard
}

// warnings are what the API server accepted but did not like.
type warnings struct{ texts []string }

// HandleWarningHeader records one warning.
func (w *warnings) HandleWarningHeader(_ int, _, text string) { w.texts = append(w.texts, text) }
