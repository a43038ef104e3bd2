// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// SystemNamespace is where the manager lives.
	SystemNamespace = "open-spawn-system"
	// ManagerUser is the manager's name at the API server: the ServiceAccount of config/rbac.
	ManagerUser = "system:serviceaccount:" + SystemNamespace + ":" + managerAccount

	managerAccount = "manager"
	// readyTimeout bounds a child's start: alone it takes a second or two.
	readyTimeout  = time.Minute
	readyInterval = 100 * time.Millisecond
	// startTail is how many lines of a log explain a start that failed.
	startTail = 10
)

// Cluster is what is needed of the control plane.
type Cluster interface {
	// Kubectl runs kubectl as administrator and returns what it prints.
	Kubectl(ctx context.Context, args ...string) ([]byte, error)
	// ServiceAccountKubeconfig writes a kubeconfig file for a ServiceAccount and returns its path.
	ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error)
}

// Install puts the CRDs, the manager's namespace and its rights into the cluster, as config/default does, but not its
// Deployment: there is no node to run it. The webhooks follow when a manager serves them.
func Install(ctx context.Context, cluster Cluster, root string) error {
	config := filepath.Join(root, "config")
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", filepath.Join(config, "crd")},
		{"wait", "--for=condition=Established", "--timeout=60s", "-f", filepath.Join(config, "crd", "bases")},
		{"apply", "--server-side", "-f", filepath.Join(config, "manager", "namespace.yaml")},
		{"apply", "--server-side", "-k", filepath.Join(config, "rbac")},
	} {
		if _, err := cluster.Kubectl(ctx, args...); err != nil {
			return fmt.Errorf("installing config/: %w", err)
		}
	}
	return nil
}

// ManagerOptions say how to run the manager.
type ManagerOptions struct {
	// Binary is the program.
	Binary string
	// Log is the file that it writes to.
	Log string
	// Cluster is where it works.
	Cluster Cluster
	// Token is the DigitalOcean token. It is handed over in TokenFile, which is written for it.
	Token, TokenFile string
	// CloudURL is where the DigitalOcean API is; empty means DigitalOcean.
	CloudURL string
	// FleetID is the fleet's id; empty means that of the cluster.
	FleetID string
	// Flags are more of the manager's flags.
	Flags []string
}

// Manager is a running manager.
type Manager struct {
	*Process
	// ProbeURL and MetricsURL are where it can be asked how it is.
	ProbeURL, MetricsURL string
	// WebhookAddress is where it serves the webhooks.
	WebhookAddress string
}

// StartManager starts the manager as the ServiceAccount of config/rbac, so that those are the rights it has, and
// returns once it is ready and the API server asks its webhooks.
func StartManager(ctx context.Context, o ManagerOptions) (*Manager, error) {
	kubeconfig, err := o.Cluster.ServiceAccountKubeconfig(ctx, SystemNamespace, managerAccount)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(o.TokenFile, []byte(o.Token), 0o600); err != nil {
		return nil, fmt.Errorf("writing the token file: %w", err)
	}
	free, err := freeAddresses(ctx)
	if err != nil {
		return nil, err
	}
	process, err := start(ctx, command{path: o.Binary, log: o.Log, args: append([]string{
		"--kubeconfig=" + kubeconfig,
		"--digitalocean-url=" + o.CloudURL,
		"--digitalocean-token-file=" + o.TokenFile,
		"--fleet-id=" + o.FleetID,
		"--leader-elect",
		"--leader-election-namespace=" + SystemNamespace,
		"--health-probe-bind-address=" + free.probe,
		"--metrics-bind-address=" + free.metrics,
		"--webhook-bind-address=" + free.webhook,
		"--webhook-hosts=" + WebhookHost,
	}, o.Flags...)})
	if err != nil {
		return nil, err
	}
	m := &Manager{
		Process: process, ProbeURL: "http://" + free.probe, MetricsURL: "http://" + free.metrics + "/metrics",
		WebhookAddress: free.webhook,
	}
	err = m.awaitReady(ctx)
	if err == nil {
		err = InstallWebhooks(ctx, o.Cluster, m.WebhookAddress)
	}
	if err != nil {
		_ = m.Stop() // The first error is the one to read.
		return nil, fmt.Errorf("starting the manager: %w; its log ends with:\n%s", err, Tail(o.Log, startTail))
	}
	return m, nil
}

func (m *Manager) awaitReady(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, readyInterval, readyTimeout, true,
		func(ctx context.Context) (bool, error) {
			if err := m.alive(); err != nil {
				return false, err
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.ProbeURL+"/readyz", nil)
			if err != nil {
				return false, err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return false, nil //nolint:nilerr // it does not listen yet
			}
			return response.StatusCode == http.StatusOK, response.Body.Close()
		})
}

// addresses are free ports on loopback, for what the manager serves.
type addresses struct{ probe, metrics, webhook string }

// freeAddresses finds them: the manager does not tell which one it was given for port 0.
func freeAddresses(ctx context.Context) (addresses, error) {
	var found addresses
	var config net.ListenConfig
	for _, into := range []*string{&found.probe, &found.metrics, &found.webhook} {
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return found, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // all at the end, so that they differ
		*into = listener.Addr().String()
	}
	return found, nil
}
