// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"net/http"
	"path"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// narrowed is a manager as the rotator gets it. The rotator would watch every Secret of the namespace, which holds the
// cloud token, and every webhook configuration of the cluster: here it lists and watches the two objects it is for, so
// that it holds no others and needs no right to.
type narrowed struct {
	ctrl.Manager

	config *rest.Config
	api    client.Client
	cache  cache.Cache // the rotator's own, once it has added it
}

func newNarrowed(mgr ctrl.Manager, o Options) *narrowed {
	config := rest.CopyConfig(mgr.GetConfig())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return byName{next} })
	return &narrowed{Manager: mgr, config: config, api: o.API}
}

// GetConfig is what the rotator makes its cache of.
func (n *narrowed) GetConfig() *rest.Config { return n.config }

// GetClient is what the rotator writes with.
func (n *narrowed) GetClient() client.Client { return n.api }

// Add notes the rotator's cache, so that one watch serves us both.
func (n *narrowed) Add(runnable manager.Runnable) error {
	switch r := runnable.(type) {
	case cache.Cache:
		n.cache = r
	case *rotator.CertRotator:
		runnable = steadfast{r}
	}
	return n.Manager.Add(runnable)
}

// steadfast is a rotator that does not end the manager when it gives up, as it does when the configuration cannot be
// written for some minutes. Its controller goes on without it, at every change of the Secret or the configuration and
// when the cache resyncs, and machines need looking after whether or not anybody can make a Bot.
type steadfast struct{ *rotator.CertRotator }

// Start rotates until ctx is done.
func (s steadfast) Start(ctx context.Context) error {
	if err := s.CertRotator.Start(ctx); err != nil && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "the certificate of the webhooks; no Bot can be created until this is mended")
	}
	<-ctx.Done()
	return nil
}

// byName makes a list or a watch of a whole resource one of the object that is ours.
type byName struct{ next http.RoundTripper }

// RoundTrip sends the request with a field selector.
func (b byName) RoundTrip(request *http.Request) (*http.Response, error) {
	name := map[string]string{
		"secrets": SecretName, "validatingwebhookconfigurations": ConfigurationName,
	}[path.Base(request.URL.Path)]
	if name != "" && request.Method == http.MethodGet {
		request = request.Clone(request.Context())
		query := request.URL.Query()
		query.Set("fieldSelector", "metadata.name="+name)
		request.URL.RawQuery = query.Encode()
	}
	return b.next.RoundTrip(request)
}
