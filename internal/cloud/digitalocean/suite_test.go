// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/conformance"
)

const (
	testToken = "dop_v1_0123456789abcdef"
	fleetTag  = "open-spawn-fleet:7d1c"
	// patient is far longer than any test.
	patient = time.Hour

	droplet = "/v2/droplets/{id}"
)

// withSimulator connects a Client to a simulator; everything that passes is held to the API's description, if that is
// at hand.
func withSimulator(t *testing.T, change ...func(*Options)) (*Client, *dosim.Server) {
	t.Helper()
	sim := dosim.New(dosim.Options{Tokens: []string{testToken}})
	o := Options{BaseURL: serve(t, sim)}
	o.Transport = conformance.FromEnv(t).Wrap(transport(t))
	t.Cleanup(sim.Close)
	return connect(t, o, change...), sim
}

// withHandler connects a Client to answers that the simulator would not give.
func withHandler(t *testing.T, handler http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	return connect(t, Options{BaseURL: serve(t, handler), Transport: transport(t)}, change...)
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// transport is the real one; its connections do not outlive the test.
func transport(t *testing.T) *http.Transport {
	t.Helper()
	real := NewTransport(Options{})
	t.Cleanup(real.CloseIdleConnections)
	return real
}

func connect(t *testing.T, o Options, change ...func(*Options)) *Client {
	t.Helper()
	o.Token = func() string { return testToken }
	o.UserAgent = "open-spawn/test"
	o.Timeout, o.CreateTimeout = patient, patient
	for _, c := range change {
		c(&o)
	}
	client, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// answering is a handler with one answer.
func answering(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

func request(name string) cloud.InstanceRequest {
	return cloud.InstanceRequest{
		Name: name, Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64",
		UserData: "#cloud-config\n", Tags: []string{"open-spawn", fleetTag}, Monitoring: true,
	}
}

// wantKind checks what every error of this package must be.
func wantKind(t *testing.T, err error, want cloud.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v", want)
	}
	if got := cloud.KindOf(err); got != want {
		t.Fatalf("kind %v, want %v: %v", got, want, err)
	}
	if definite := want != cloud.Unavailable; cloud.IsDefinite(err) != definite {
		t.Errorf("IsDefinite is %v: %v", !definite, err)
	}
	text := err.Error()
	for _, secret := range []string{testToken, "http://", "per_page", "Bearer"} {
		if strings.Contains(text, secret) || strings.Contains(fmt.Sprintf("%+v", err), secret) {
			t.Errorf("the error shows %q: %s", secret, text)
		}
	}
	if strings.ContainsAny(text, "\r\n\x00") || len([]rune(text)) > 2*maxText+100 {
		t.Errorf("the error is not one short line: %q", text)
	}
}
