// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import "net/http"

// The probes, which are also served beside the calls, for load balancers.
const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// probed is the answer to a probe.
type probed struct {
	Status string `json:"status"`
}

func (g *Gateway) health(x *exchange) error {
	return x.answer(probed{"ok"})
}

func (g *Gateway) ready(x *exchange) error {
	if err := g.Ready(); err != nil {
		return unavailable(err)
	}
	return x.answer(probed{"ok"})
}

// Probes serves the probes alone, and says why this replica is not ready: nobody but the cluster gets there.
func (g *Gateway) Probes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, _ *http.Request) {
		if err := g.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok"))
	})
	return mux
}
