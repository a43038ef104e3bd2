// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"fmt"
	"path/filepath"
)

const (
	// DeliveryNamespace is where the manager and the gateway meet.
	DeliveryNamespace = "open-spawn-delivery"
	// GatewayUser is the gateway's name at the API server: the ServiceAccount of config/gateway.
	GatewayUser = "system:serviceaccount:" + SystemNamespace + ":" + gatewayAccount

	gatewayAccount = "gateway"
	// nowhere is the gateway of a fleet without one: its machines call, and nobody answers.
	nowhere = "https://gateway.invalid"
)

// GatewayOptions say how to run a gateway.
type GatewayOptions struct {
	// Binary is the program.
	Binary string
	// Log is the file that it writes to.
	Log string
	// Cluster is where it works.
	Cluster Cluster
	// Dir is where its certificate and the key are written.
	Dir string
	// Name is what no other replica is called; empty means the host's.
	Name string
	// Flags are more of the gateway's flags.
	Flags []string
}

// Gateway is a running gateway.
type Gateway struct {
	*Process
	// URL is where machines call it, and CAFile holds the certificate, in PEM, that proves it.
	URL, CAFile string
	// ProbeURL and MetricsURL are where it can be asked how it is.
	ProbeURL, MetricsURL string
}

// StartGateway starts a gateway as the ServiceAccount of config/gateway, so that those are the rights it has, with a
// certificate made for it, and returns once it is ready.
func StartGateway(ctx context.Context, o GatewayOptions) (*Gateway, error) {
	kubeconfig, err := o.Cluster.ServiceAccountKubeconfig(ctx, SystemNamespace, gatewayAccount)
	if err != nil {
		return nil, err
	}
	free, err := freeAddresses(ctx)
	if err != nil {
		return nil, err
	}
	prefix := "gateway"
	if o.Name != "" {
		prefix += "-" + o.Name
	}
	pair, err := writeCertificate(filepath.Join(o.Dir, prefix))
	if err != nil {
		return nil, err
	}
	process, err := start(ctx, command{path: o.Binary, log: o.Log, args: append([]string{
		"--kubeconfig=" + kubeconfig,
		"--name=" + o.Name,
		"--delivery-namespace=" + DeliveryNamespace,
		"--listen=" + free.main,
		"--tls-cert-file=" + pair.certificate,
		"--tls-key-file=" + pair.key,
		"--drain-delay=0s",
		"--health-probe-bind-address=" + free.probe,
		"--metrics-bind-address=" + free.metrics,
	}, o.Flags...)})
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		Process: process, URL: "https://" + free.main, CAFile: pair.authority,
		ProbeURL: "http://" + free.probe, MetricsURL: "http://" + free.metrics + "/metrics",
	}
	if err := process.awaitReady(ctx, g.ProbeURL); err != nil {
		_ = g.Stop() // The first error is the one to read.
		return nil, fmt.Errorf("starting the gateway: %w; its log ends with:\n%s", err, Tail(o.Log, startTail))
	}
	return g, nil
}

// flags tell a manager of the gateway.
func (g *Gateway) flags() []string {
	if g == nil {
		return []string{"--gateway-url=" + nowhere}
	}
	return []string{"--gateway-url=" + g.URL, "--gateway-ca-file=" + g.CAFile}
}
