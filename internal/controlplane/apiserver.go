// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// startTimeout allows for a busy machine: alone, kube-apiserver serves after 4 s on 2 cores.
	startTimeout = time.Minute
	// startAttempts is how often other ports are chosen.
	startAttempts = 4
	// stopTimeout is how long a program may take to end by itself before it is killed.
	stopTimeout = 20 * time.Second
	// secretboxKeySize is what the secretbox provider wants, in bytes.
	secretboxKeySize = 32

	encryptionFormat = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: local, secret: %s}]}
`
	auditFormat = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: %s
`
)

// programs are those that envtest starts, in this order.
var programs = []string{"etcd", "kube-apiserver"}

// startAPIServer starts etcd and kube-apiserver, and installs the CustomResourceDefinitions. A port is chosen a moment
// before the program listens on it; when somebody takes it in between, other ports are chosen.
func (p *Plane) startAPIServer(ctx context.Context) error {
	return p.withOtherPorts(ctx, p.tryAPIServer)
}

// withOtherPorts tries again for as long as a port was the reason.
func (p *Plane) withOtherPorts(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("starting kube-apiserver: %w", err)
		}
		err := try()
		if err == nil {
			return ctx.Err()
		}
		if attempt == startAttempts || !p.layout.portTaken(programs...) {
			return p.layout.explain(fmt.Errorf("starting etcd and kube-apiserver: %w", err), programs...)
		}
		p.say("a port was taken; starting again with others")
	}
}

// tryAPIServer starts both programs once, with ports that were free.
func (p *Plane) tryAPIServer() error {
	if p.env != nil {
		// What the attempt before has started, and what it wrote under a key that is no more.
		if err := errors.Join(p.env.Stop(), os.RemoveAll(p.layout.etcdData())); err != nil {
			return fmt.Errorf("starting again: %w", err)
		}
	}
	p.env = &envtest.Environment{
		UseExistingCluster:       ptr.To(false),
		BinaryAssetsDirectory:    p.assets,
		CRDDirectoryPaths:        p.options.CRDPaths,
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  stopTimeout,
	}
	if err := p.configureEtcd(); err != nil {
		return err
	}
	if err := p.configureAPIServer(); err != nil {
		return err
	}
	// envtest takes no context: it is bounded by its own timeouts.
	_, err := p.env.Start()
	return err
}

func (p *Plane) configureEtcd() error {
	log, err := p.openLog("etcd")
	if err != nil {
		return err
	}
	p.env.ControlPlane.Etcd = &envtest.Etcd{
		Path:    filepath.Join(p.assets, "etcd"),
		DataDir: p.layout.etcdData(),
		Out:     log,
		Err:     log,
	}
	return nil
}

func (p *Plane) configureAPIServer() error {
	log, err := p.openLog("kube-apiserver")
	if err != nil {
		return err
	}
	server := p.env.ControlPlane.GetAPIServer()
	server.Path = filepath.Join(p.assets, "kube-apiserver")
	server.CertDir = p.layout.apiServer()
	server.Out, server.Err = log, log

	flags := server.Configure()
	// Without these kube-apiserver looks for an address that other machines can reach, and needs a network.
	flags.Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")
	flags.Set("profiling", "false")
	if p.options.ControllerManager {
		// envtest turns the ServiceAccount plugin off, for want of a controller that creates service accounts.
		flags.Disable("disable-admission-plugins")
	}
	encryption, err := p.writeEncryption()
	if err != nil {
		return err
	}
	flags.Set("encryption-provider-config", encryption)
	if p.options.AuditLevel != "" {
		policy, err := p.writeAuditPolicy()
		if err != nil {
			return err
		}
		flags.Set("audit-policy-file", policy).Set("audit-log-path", p.layout.auditLog())
	}
	for name, values := range p.options.ExtraAPIServerArgs {
		flags.Set(name, values...)
	}
	return nil
}

// writeEncryption writes the configuration with a fresh key for Secrets, and returns its path.
func (p *Plane) writeEncryption() (string, error) {
	key := make([]byte, secretboxKeySize)
	if _, err := rand.Read(key); err != nil {
		return "", fmt.Errorf("generating the encryption key: %w", err)
	}
	path := filepath.Join(p.layout.apiServer(), "encryption.yaml")
	content := fmt.Appendf(nil, encryptionFormat, base64.StdEncoding.EncodeToString(key))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("writing the encryption configuration: %w", err)
	}
	return path, nil
}

// writeAuditPolicy writes a policy that records every request at one level, and returns its path.
func (p *Plane) writeAuditPolicy() (string, error) {
	path := filepath.Join(p.layout.apiServer(), "audit-policy.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, auditFormat, p.options.AuditLevel), 0o600); err != nil {
		return "", fmt.Errorf("writing the audit policy: %w", err)
	}
	return path, nil
}
