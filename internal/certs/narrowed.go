// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"net/http"
	"path"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
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
	if c, ok := runnable.(cache.Cache); ok {
		n.cache = c
	}
	return n.Manager.Add(runnable)
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
