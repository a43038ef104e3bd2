// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// WebhookHost is the name by which the API server calls webhooks on this machine: their certificate is for names.
	WebhookHost = "localhost"
	// askedTimeout bounds the wait for the API server to ask, which takes a second or so.
	askedTimeout = 30 * time.Second
)

// InstallWebhooks puts config/webhook into the cluster, with the address of a server on this machine in the place of
// the Service, which leads nowhere without nodes. It returns when the API server asks that server. From then on no Bot
// can be created without it, so it is for when one serves; and of several servers the last one is asked.
func InstallWebhooks(ctx context.Context, cluster Cluster, address string) error {
	configuration, err := webhooksAt(address)
	if err != nil {
		return err
	}
	if err := withFile(configuration, func(path string) error {
		_, err := cluster.Kubectl(ctx, "apply", "--server-side", "-f", path)
		return err
	}); err != nil {
		return fmt.Errorf("installing config/webhook: %w", err)
	}
	if err := awaitAsked(ctx, cluster); err != nil {
		return fmt.Errorf("waiting for the API server to ask the webhooks: %w", err)
	}
	return nil
}

// RemoveWebhooks takes the configuration away again, so that Bots can be created while no manager runs.
func RemoveWebhooks(ctx context.Context, cluster Cluster) error {
	_, err := cluster.Kubectl(ctx, "delete", "--ignore-not-found", "validatingwebhookconfiguration", "open-spawn")
	return err
}

// webhooksAt reads config/webhook and replaces the Service by an address.
func webhooksAt(address string) (any, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address of the webhooks: %w", err)
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(root, "config", "webhook", "webhooks.yaml")) //nolint:gosec // ours
	if err != nil {
		return nil, fmt.Errorf("reading config/webhook: %w", err)
	}
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(content, &configuration); err != nil {
		return nil, fmt.Errorf("reading config/webhook: %w", err)
	}
	for i := range configuration.Webhooks {
		where := &configuration.Webhooks[i].ClientConfig
		url := "https://" + net.JoinHostPort(WebhookHost, port) + *where.Service.Path
		where.URL, where.Service = &url, nil
	}
	return configuration, nil
}

// awaitAsked creates a Bot, but not really, until the API server has heard of the webhooks and of their certificate.
func awaitAsked(ctx context.Context, cluster Cluster) error {
	probe := &spawnv1.Bot{
		TypeMeta:   metav1.TypeMeta{APIVersion: spawnv1.GroupVersion.String(), Kind: "Bot"},
		ObjectMeta: metav1.ObjectMeta{Namespace: SystemNamespace, Name: "probe"},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: "probe"}, Persona: spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "none", Model: "none", APIKeySecretRef: spawnv1.SecretKeyReference{Name: "probe", Key: "probe"},
			},
		},
	}
	var last error
	return withFile(probe, func(path string) error {
		err := wait.PollUntilContextTimeout(ctx, readyInterval, askedTimeout, true, func(ctx context.Context) (bool, error) {
			_, last = cluster.Kubectl(ctx, "create", "--dry-run=server", "-f", path)
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("%w: %w", err, last)
		}
		return nil
	})
}

// withFile hands over an object in a file.
func withFile(object any, use func(path string) error) error {
	content, err := json.Marshal(object)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "open-spawn-*.json")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return use(file.Name())
}
