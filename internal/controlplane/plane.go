// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// AuditLevel says how much of each request the API server writes to its audit log.
type AuditLevel string

const (
	// AuditMetadata records who did what to which object, and the outcome.
	AuditMetadata AuditLevel = "Metadata"
	// AuditRequestResponse also records the bodies, Secrets included.
	AuditRequestResponse AuditLevel = "RequestResponse"
)

// Options says what kind of control plane to start. The zero value is etcd and kube-apiserver in a temporary directory.
type Options struct {
	// Dir receives state, keys, logs and kubeconfig files; one plane at a time. Start removes what an earlier plane
	// left there; Stop removes state and keys, and keeps logs. A temporary directory, removed by Stop, when empty.
	Dir string
	// CRDPaths are files or directories of CustomResourceDefinitions to install before Start returns.
	CRDPaths []string
	// ControllerManager also runs kube-controller-manager: namespaces finish deleting, garbage is collected, service
	// accounts get created. It turns the ServiceAccount admission plugin on, as a cluster has it.
	ControllerManager bool
	// AuditLevel turns the audit log on. None is written when empty.
	AuditLevel AuditLevel
	// ExtraAPIServerArgs are flags of kube-apiserver, without dashes; they win over ours.
	ExtraAPIServerArgs map[string][]string
	// Output receives one line per step. Discarded when nil.
	Output io.Writer
}

// Plane is a running control plane. Its methods may be called from several goroutines, but not after Stop.
type Plane struct {
	options Options
	layout  layout
	assets  string
	env     *envtest.Environment
	logs    []*os.File

	guard             *guard
	controllerManager *child

	// users guards envtest's certificate authority, which counts serial numbers without a lock.
	users sync.Mutex

	stopOnce sync.Once
	stopErr  error
}

// Start starts a control plane and returns once it serves. The context bounds starting, not the plane's life: whoever
// starts a plane calls Stop.
func Start(ctx context.Context, o Options) (*Plane, error) {
	assets, err := AssetsDir()
	if err != nil {
		return nil, err
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	layout, err := newLayout(o.Dir)
	if err != nil {
		return nil, err
	}
	p := &Plane{options: o, layout: layout, assets: assets}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Plane) start(ctx context.Context) error {
	var err error
	if p.guard, err = startGuard(ctx, p.layout); err != nil {
		return err
	}
	p.say("starting etcd and kube-apiserver from %s", p.assets)
	if err := p.startAPIServer(ctx); err != nil {
		return err
	}
	if err := writeKubeconfig(p.layout.kubeconfig(), p.Config()); err != nil {
		return err
	}
	if p.options.ControllerManager {
		p.say("starting kube-controller-manager")
		if err := p.startControllerManager(ctx); err != nil {
			return err
		}
	}
	p.say("ready; kubeconfig %s", p.layout.kubeconfig())
	return nil
}

// Stop ends every process of the plane and removes its state. It may be called again, and answers the same.
func (p *Plane) Stop() error {
	p.stopOnce.Do(func() { p.stopErr = p.stop() })
	return p.stopErr
}

func (p *Plane) stop() error {
	var errs []error
	if p.controllerManager != nil {
		errs = append(errs, p.controllerManager.stop())
	}
	if p.env != nil {
		if err := p.env.Stop(); err != nil {
			errs = append(errs, fmt.Errorf("stopping kube-apiserver and etcd: %w", err))
		}
	}
	for _, log := range p.logs {
		errs = append(errs, log.Close())
	}
	// The guard goes last: until here it ends what we could not.
	if p.guard != nil {
		errs = append(errs, p.guard.dismiss())
	}
	return errors.Join(append(errs, p.layout.remove())...)
}

// Dir returns the directory with the plane's logs and kubeconfig files.
func (p *Plane) Dir() string { return p.layout.dir }

// KubeconfigPath returns the administrator's kubeconfig file.
func (p *Plane) KubeconfigPath() string { return p.layout.kubeconfig() }

// AuditLogPath returns the API server's audit log, which exists when Options.AuditLevel is set.
func (p *Plane) AuditLogPath() string { return p.layout.auditLog() }

// EtcdURL returns etcd's client address, for proofs about what is stored.
func (p *Plane) EtcdURL() string { return p.env.ControlPlane.Etcd.URL.String() }

// Config returns the administrator's client configuration, without a client-side rate limit.
func (p *Plane) Config() *rest.Config {
	config := rest.CopyConfig(p.env.Config)
	config.QPS, config.Burst = unlimitedQPS, 0
	return config
}

// say reports a step; the report is a courtesy, so that a broken writer stops nothing.
func (p *Plane) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.options.Output, "control plane: "+format+"\n", args...)
}

// openLog creates the log file of one program, open until Stop.
func (p *Plane) openLog(name string) (*os.File, error) {
	file, err := os.Create(filepath.Clean(p.layout.log(name)))
	if err != nil {
		return nil, fmt.Errorf("creating the log of %s: %w", name, err)
	}
	p.logs = append(p.logs, file)
	return file, nil
}
