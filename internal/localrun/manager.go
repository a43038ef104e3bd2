// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const (
	// SystemNamespace is where the manager lives.
	SystemNamespace = "open-spawn-system"
	// ManagerUser is the manager's name at the API server: the ServiceAccount of config/rbac.
	ManagerUser = "system:serviceaccount:" + SystemNamespace + ":" + managerAccount

	managerAccount = "manager"
)

// Cluster is what is needed of the control plane.
type Cluster interface {
	// Kubectl runs kubectl as administrator and returns what it prints.
	Kubectl(ctx context.Context, args ...string) ([]byte, error)
	// ServiceAccountKubeconfig writes a kubeconfig file for a ServiceAccount and returns its path.
	ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error)
}

// Install puts the CRDs, the namespaces and the rights of manager and gateway into the cluster, as config/default does,
// but not their Deployments: there is no node to run them. The webhooks follow when a manager serves them.
func Install(ctx context.Context, cluster Cluster, root string) error {
	config := filepath.Join(root, "config")
	gateway := filepath.Join(config, "gateway")
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", filepath.Join(config, "crd")},
		{"wait", "--for=condition=Established", "--timeout=60s", "-f", filepath.Join(config, "crd", "bases")},
		{
			"apply", "--server-side", "-f", filepath.Join(config, "manager", "namespace.yaml"),
			"-f", filepath.Join(gateway, "delivery_namespace.yaml"),
		},
		{"apply", "--server-side", "-k", filepath.Join(config, "rbac")},
		{
			"apply", "--server-side", "-f", filepath.Join(gateway, "service_account.yaml"),
			"-f", filepath.Join(gateway, "role.yaml"), "-f", filepath.Join(gateway, "role_binding.yaml"),
		},
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
	// Gateway is what machines call; nil means that nobody answers them.
	Gateway *Gateway
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
		"--webhook-bind-address=" + free.main,
		"--webhook-hosts=" + WebhookHost,
		"--delivery-namespace=" + DeliveryNamespace,
	}, slices.Concat(o.Gateway.flags(), o.Flags)...)})
	if err != nil {
		return nil, err
	}
	m := &Manager{
		Process: process, ProbeURL: "http://" + free.probe, MetricsURL: "http://" + free.metrics + "/metrics",
		WebhookAddress: free.main,
	}
	err = process.awaitReady(ctx, m.ProbeURL)
	if err == nil {
		err = InstallWebhooks(ctx, o.Cluster, m.WebhookAddress)
	}
	if err != nil {
		_ = m.Stop() // The first error is the one to read.
		return nil, fmt.Errorf("starting the manager: %w; its log ends with:\n%s", err, Tail(o.Log, startTail))
	}
	return m, nil
}
