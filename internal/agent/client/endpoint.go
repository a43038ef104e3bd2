// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/state"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	// idleTimeout keeps a connection from one heartbeat to the next, which are at most 5 min apart: a handshake costs
	// the gateway a hundred times what a heartbeat does.
	idleTimeout = 6 * time.Minute
	// sessions is how many gateways are remembered.
	sessions = 8
)

// endpoint is one gateway, of a Route.
type endpoint struct {
	route state.Route
	base  *url.URL
	http  *http.Client
}

// newEndpoints are those of all Routes. A gateway that is in two Routes is asked twice: what proves it differs.
func newEndpoints(routes []state.Route) ([]*endpoint, error) {
	var endpoints []*endpoint
	for _, route := range routes {
		if len(route.URLs) == 0 {
			return nil, errors.New("there is no gateway")
		}
		client, err := newHTTPClient(route.CA)
		if err != nil {
			return nil, err
		}
		for _, text := range route.URLs {
			base, err := parseURL(text)
			if err != nil {
				return nil, err
			}
			endpoints = append(endpoints, &endpoint{route, base, client})
		}
	}
	return endpoints, nil
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the URL of a gateway: %w", err)
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host}
	if u.Scheme != "https" || u.Hostname() == "" || (bare.String() != text && bare.String()+"/" != text) {
		return nil, fmt.Errorf("the URL of a gateway is https://<host>[:<port>] and nothing else, not %q", text)
	}
	return u, nil
}

func newHTTPClient(ca string) (*http.Client, error) {
	// A connection that is made again is resumed: a gateway that was down has thousands of those to make at once.
	config := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(sessions)}
	if ca != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("there is no certificate in what is to prove a gateway")
		}
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: config, DialContext: dialer.DialContext, TLSHandshakeTimeout: handshakeTimeout,
			IdleConnTimeout: idleTimeout,
		},
		// A credential is shown to gateways, and not to wherever one sends us.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
