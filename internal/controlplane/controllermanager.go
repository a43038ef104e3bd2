// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// readyInterval is how often a program that is starting is looked at.
const readyInterval = 100 * time.Millisecond

// controllers are those that a control plane without nodes has work for.
var controllers = []string{
	"clusterrole-aggregation-controller",
	"deployment-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"replicaset-controller",
	"resourcequota-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
}

// startControllerManager starts kube-controller-manager and waits until its work shows. It starts after the
// CustomResourceDefinitions are there, because its garbage collector looks for new ones only every 30 s.
func (p *Plane) startControllerManager(ctx context.Context) error {
	const name = "kube-controller-manager"
	path, err := program(p.assets, name)
	if err != nil {
		return err
	}
	flags, err := p.controllerManagerFlags()
	if err != nil {
		return err
	}
	log, err := p.openLog(name)
	if err != nil {
		return err
	}
	if p.controllerManager, err = startChild(ctx, log, path, flags...); err != nil {
		return err
	}
	if err := p.awaitControllerManager(ctx); err != nil {
		return p.layout.explain(fmt.Errorf("starting %s: %w", name, err), name)
	}
	return nil
}

func (p *Plane) controllerManagerFlags() ([]string, error) {
	// Its own role suffices only together with a service account per controller, which is slower to start.
	config, err := p.ConfigFor("system:kube-controller-manager", "system:masters")
	if err != nil {
		return nil, err
	}
	dir := p.layout.controllerManager()
	kubeconfig, ca := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "ca.crt")
	if err := writeKubeconfig(kubeconfig, config); err != nil {
		return nil, err
	}
	if err := os.WriteFile(ca, config.CAData, 0o600); err != nil {
		return nil, fmt.Errorf("writing the API server's CA: %w", err)
	}
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--cert-dir=" + dir,
		"--root-ca-file=" + ca,
		"--service-account-private-key-file=" + filepath.Join(p.layout.apiServer(), "sa-signer.key"),
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		// No listener at all: health is seen in the cluster, and no port is taken from another plane.
		"--secure-port=0",
		"--bind-address=127.0.0.1",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}, nil
}

// awaitControllerManager waits for what the controllers put into every namespace.
func (p *Plane) awaitControllerManager(ctx context.Context) error {
	api, err := client.New(p.Config(), client.Options{})
	if err != nil {
		return fmt.Errorf("creating the client: %w", err)
	}
	want := []client.Object{
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kube-root-ca.crt"}},
	}
	return wait.PollUntilContextTimeout(ctx, readyInterval, startTimeout, true,
		func(ctx context.Context) (bool, error) {
			if p.controllerManager.hasEnded() {
				return false, errors.New("it ended")
			}
			for _, object := range want {
				if err := api.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
					return false, client.IgnoreNotFound(err)
				}
			}
			return true, nil
		})
}
