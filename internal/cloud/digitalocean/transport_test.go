// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func TestNotSentNeedsProof(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, tc := range map[string]struct {
		transport http.RoundTripper
		baseURL   string
		want      cloud.Kind
	}{
		"the dial is refused":              {transport: &http.Transport{DialContext: refuse}, want: cloud.NotSent},
		"the certificate is not to be had": {transport: NewTransport(Options{}), baseURL: secure.URL, want: cloud.NotSent},
		"a transport that tells nothing": {
			transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("torn") }),
			want:      cloud.Unavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, Options{}, func(o *Options) {
				o.Transport, o.BaseURL = tc.transport, "http://api.invalid"
				if tc.baseURL != "" {
					o.BaseURL = tc.baseURL
				}
			})
			_, err := client.Create(t.Context(), request("scout"))
			wantKind(t, err, tc.want)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// brittle dials connections whose next write can be made to fail, after some bytes or before the first.
type brittle struct {
	breakAt  atomic.Int64 // bytes that the next write lets through before it fails; below 0 it does not fail
	refusing atomic.Bool
	dials    atomic.Int64
}

func (b *brittle) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if b.refusing.Load() {
		return nil, syscall.ECONNREFUSED
	}
	b.dials.Add(1)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &brittleConn{Conn: conn, b: b}, err
}

type brittleConn struct {
	net.Conn
	b *brittle
}

func (c *brittleConn) Write(p []byte) (int, error) {
	at := c.b.breakAt.Swap(-1)
	if at < 0 {
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:at])
	return n, syscall.EPIPE
}

// TestAReusedConnectionThatBreaks shows the one case in which net/http sends a POST again, and that it is harmless:
// nothing of the first was written.
func TestAReusedConnectionThatBreaks(t *testing.T) {
	for name, tc := range map[string]struct {
		breakAt   int64
		refusing  bool
		wantKind  cloud.Kind // Unavailable and no error are told apart by wantPOSTs
		wantPOSTs int
		wantDials int64
	}{
		"before the first byte: the POST goes out on another one": {wantPOSTs: 1, wantDials: 2},
		"before the first byte, and no other can be had":          {refusing: true, wantKind: cloud.NotSent, wantDials: 1},
		"after the first byte: the POST is not repeated":          {breakAt: 1, wantKind: cloud.Unavailable, wantDials: 1},
		"in the middle of the body: the POST is not repeated":     {breakAt: 400, wantKind: cloud.Unavailable, wantDials: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := &brittle{}
			b.breakAt.Store(-1)
			var mu sync.Mutex
			posts := 0
			real := transport(t)
			real.DialContext = b.dial
			client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					return // a request that broke off is none
				}
				if r.Method == http.MethodPost {
					mu.Lock()
					posts++
					mu.Unlock()
				}
				if r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key") != "" {
					t.Error("the request bears an idempotency key, which lets net/http repeat it")
				}
				answering(202, "application/json", `{"droplet":{"id":7,"created_at":"2026-01-02T03:04:05Z"}}`)(w, r)
			}, func(o *Options) { o.Transport = real })
			if _, err := client.Get(t.Context(), 7); err != nil {
				t.Fatal(err)
			}

			b.refusing.Store(tc.refusing)
			b.breakAt.Store(tc.breakAt)
			_, err := client.Create(t.Context(), request("scout"))
			if tc.wantPOSTs == 1 {
				if err != nil {
					t.Fatal(err)
				}
			} else {
				wantKind(t, err, tc.wantKind)
			}
			mu.Lock()
			defer mu.Unlock()
			if posts != tc.wantPOSTs || b.dials.Load() != tc.wantDials {
				t.Errorf("%d POSTs over %d connections, want %d over %d", posts, b.dials.Load(), tc.wantPOSTs, tc.wantDials)
			}
		})
	}
}

func TestCallsRunAtOnce(t *testing.T) {
	client, sim := withSimulator(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			created, err := client.Create(t.Context(), request("scout"))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := client.Get(t.Context(), created.ID); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(sim.Live("scout")); n != 20 {
		t.Errorf("%d instances, want 20", n)
	}
}

func TestWhatAPeerCanMakeUsHoldIsBounded(t *testing.T) {
	endless := func(status int) *http.Response {
		return &http.Response{StatusCode: status, Body: io.NopCloser(zeros{})}
	}
	success, refusal := endless(http.StatusOK), endless(http.StatusNotFound)
	var x exchange
	x.keep(success)
	defer success.Body.Close()
	if n, err := io.Copy(io.Discard, success.Body); n != maxAnswer || err == nil {
		t.Errorf("%d bytes of a success, and error %v", n, err)
	}
	x.keep(refusal)
	defer refusal.Body.Close()
	if n := len(x.answer.body); n != maxRefusal {
		t.Errorf("%d bytes of a refusal", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestOnlyHTTP1IsSpoken: HTTP/2 has rules of its own for sending a POST again.
func TestOnlyHTTP1IsSpoken(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("the request came by %s", r.Proto)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	trusting, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport to take the certificate from")
	}
	real := transport(t)
	real.TLSClientConfig = &tls.Config{RootCAs: trusting.TLSClientConfig.RootCAs}
	client := connect(t, Options{BaseURL: server.URL, Transport: real})
	if err := client.Delete(t.Context(), 7); err != nil {
		t.Error(err)
	}
}
