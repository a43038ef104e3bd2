// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// unlimitedQPS turns client-go's own rate limit off.
	unlimitedQPS = -1
	// tokenLifetime outlasts any demo, so that nobody needs to renew a token.
	tokenLifetime = 24 * time.Hour
)

// ConfigFor returns the client configuration of a user with a fresh client certificate. The user may do only what RBAC
// grants to its name and groups; the group system:masters may do everything.
func (p *Plane) ConfigFor(user string, groups ...string) (*rest.Config, error) {
	p.users.Lock()
	defer p.users.Unlock()
	provisioned, err := p.env.AddUser(envtest.User{Name: user, Groups: groups}, &rest.Config{QPS: unlimitedQPS})
	if err != nil {
		return nil, fmt.Errorf("adding user %q: %w", user, err)
	}
	return provisioned.Config(), nil
}

// KubeconfigFor writes a kubeconfig file for such a user and returns its path. Stop removes it.
func (p *Plane) KubeconfigFor(user string, groups ...string) (string, error) {
	config, err := p.ConfigFor(user, groups...)
	if err != nil {
		return "", err
	}
	return p.userKubeconfig(user, config)
}

// ServiceAccountConfig returns the client configuration of an existing service account, with a token that lasts a day.
func (p *Plane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	api, err := client.New(p.Config(), client.Options{})
	if err != nil {
		return nil, fmt.Errorf("creating the client: %w", err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: ptr.To(int64(tokenLifetime.Seconds())),
	}}
	if err := api.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("requesting a token of service account %s/%s: %w", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(p.Config())
	config.BearerToken = request.Status.Token
	config.QPS = unlimitedQPS
	return config, nil
}

// ServiceAccountKubeconfig writes a kubeconfig file for a service account and returns its path. Stop removes it.
func (p *Plane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	config, err := p.ServiceAccountConfig(ctx, namespace, name)
	if err != nil {
		return "", err
	}
	return p.userKubeconfig(fmt.Sprintf("system:serviceaccount:%s:%s", namespace, name), config)
}

// userKubeconfig writes the file of a user, whose name may contain what a file name may not.
func (p *Plane) userKubeconfig(user string, config *rest.Config) (string, error) {
	path := filepath.Join(p.layout.users(), fmt.Sprintf("%x.kubeconfig", sha256.Sum256([]byte(user))))
	return path, writeKubeconfig(path, config)
}

// writeKubeconfig writes a client configuration as a file that only we can read.
func writeKubeconfig(path string, config *rest.Config) error {
	const name = "local"
	kubeconfig := clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{name: {
			Server:                   config.Host,
			CertificateAuthorityData: config.CAData,
		}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificateData: config.CertData,
			ClientKeyData:         config.KeyData,
			Token:                 config.BearerToken,
		}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}
	content, err := clientcmd.Write(kubeconfig)
	if err != nil {
		return fmt.Errorf("encoding kubeconfig %s: %w", path, err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing kubeconfig %s: %w", path, err)
	}
	return nil
}
