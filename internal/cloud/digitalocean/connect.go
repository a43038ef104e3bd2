// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package digitalocean speaks internal/cloud to the DigitalOcean API. It is the only package that knows godo, HTTP
// statuses and the wording of the API's refusals. It promises four things: one call makes at most one request that
// changes something; every call ends by its own deadline; an error that claims that nothing happened can prove it; and
// no token, no query and no user data is in any error.
package digitalocean

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/digitalocean/godo"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// defaultTimeout is the deadline of every request but a create. DigitalOcean answers in a second or two; its edge
	// gives up after about 100 s, long after the answer has stopped being worth a worker.
	defaultTimeout = 30 * time.Second
	// defaultCreateTimeout is longer, because giving up on a create costs a settle window of minutes.
	defaultCreateTimeout = 60 * time.Second
	// defaultDialTimeout bounds the dial, and again the TLS handshake. It is shorter than the other two, so that a
	// network that is down is reported as NotSent rather than as a doubt.
	defaultDialTimeout = 10 * time.Second
)

// Options say how to reach the API.
type Options struct {
	// BaseURL is where the API is, for a simulator or a proxy; empty means DigitalOcean. The token is sent there and
	// nowhere else: redirects are not followed.
	BaseURL string
	// Token gives the current token. It is asked before every request, so a token file can be replaced at any time;
	// it must be fast and safe for concurrent use. White space around the token is ignored.
	Token func() string
	// UserAgent is put before godo's own.
	UserAgent string
	// Timeout is the deadline of one request that is not a create; 0 means 30 s. A list has ten times as long.
	Timeout time.Duration
	// CreateTimeout is the deadline of a create; 0 means 60 s.
	CreateTimeout time.Duration
	// DialTimeout bounds connecting, and again the TLS handshake; 0 means 10 s.
	DialTimeout time.Duration
	// Transport sends the requests; nil means NewTransport of these options. Tests wrap that one. A transport that
	// does not end in net/http's cannot prove that a request was not sent, so NotSent becomes Unavailable.
	Transport http.RoundTripper
	// Metrics is where the metrics are registered; nil means nowhere.
	Metrics prometheus.Registerer
	// Observe, when set, is told what each answer says about the rate limit. It must be fast and safe for concurrent
	// use.
	Observe func(cloud.Answer)
	// Clock times requests and reads rate limits; nil means the real one. Deadlines are the runtime's.
	Clock clock.PassiveClock
}

// Client is the connection to the API. It is safe for concurrent use.
type Client struct {
	api            *godo.Client // for what godo's services lose
	droplets       godo.DropletsService
	dropletActions godo.DropletActionsService
	snapshots      godo.SnapshotsService
	tags           godo.TagsService
	firewalls      godo.FirewallsService
	sizes          godo.SizesService
	images         godo.ImagesService
	accounts       godo.AccountService
	timeout        time.Duration
	createTimeout  time.Duration
	clock          clock.PassiveClock
}

// Connect makes a Client. It sends nothing: a wrong token shows at the first call.
//
// godo is built without its RetryConfig, which would repeat a POST after a 5xx, and no request bears an
// Idempotency-Key, which DigitalOcean does not know and which would allow net/http to repeat a POST.
func Connect(o Options) (*Client, error) {
	if o.Token == nil {
		return nil, errors.New("connecting to DigitalOcean: no source of tokens")
	}
	o = o.withDefaults()
	meters, err := newMeters(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering cloud metrics: %w", err)
	}
	observed := &observer{next: o.Transport, meters: meters, observe: o.Observe, clock: o.Clock}
	api := godo.NewClient(&http.Client{
		Transport: &authorizer{next: observed, token: o.Token},
		// A redirected POST would be a second POST, and a redirected token would be a leaked one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	if o.BaseURL != "" {
		if api.BaseURL, err = parseBaseURL(o.BaseURL); err != nil {
			return nil, err
		}
	}
	observed.basePath = api.BaseURL.Path
	api.UserAgent = strings.TrimSpace(o.UserAgent + " " + api.UserAgent)
	return &Client{
		api:            api,
		droplets:       api.Droplets,
		dropletActions: api.DropletActions,
		snapshots:      api.Snapshots,
		tags:           api.Tags,
		firewalls:      api.Firewalls,
		sizes:          api.Sizes,
		images:         api.Images,
		accounts:       api.Account,
		timeout:        o.Timeout,
		createTimeout:  o.CreateTimeout,
		clock:          o.Clock,
	}, nil
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.CreateTimeout <= 0 {
		o.CreateTimeout = defaultCreateTimeout
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = defaultDialTimeout
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Transport == nil {
		o.Transport = NewTransport(o)
	}
	return o
}

// parseBaseURL wants a plain address. It does not repeat the address in its error, which may hold a password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("reading the API's base URL: want http or https, a host, and no user, query or fragment")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/" // godo resolves its paths against this one, and resolving drops what follows the last slash
	}
	return u, nil
}
