// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const machine = "scout-k3v9x2m1qab7c"

var now = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// gateway serves with a certificate of its own, and is reached by the Route.
func gateway(t *testing.T, handler http.Handler, change ...func(*tls.Config)) state.Route {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, c := range change {
		c(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return state.Route{URLs: []string{server.URL}, CA: string(ca)}
}

func answer(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, is := body.(*protocol.Problem); is {
			w.Header().Set("Content-Type", protocol.ProblemType)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

func orders(version int64) http.HandlerFunc {
	return answer(http.StatusOK, protocol.Orders{Run: true, ConfigVersion: version})
}

func using(t *testing.T, routes ...state.Route) *client.Client {
	t.Helper()
	c := client.New(clocktesting.NewFakePassiveClock(now))
	if err := c.Use(routes...); err != nil {
		t.Fatal(err)
	}
	return c
}

func beat(t *testing.T, c *client.Client) (protocol.Orders, error) {
	t.Helper()
	return c.Beat(t.Context(), token.NewCredential(machine), protocol.Heartbeat{})
}

func TestCallsAreAsTheProtocolSays(t *testing.T) {
	registration, credential := token.NewRegistration([]byte("key"), machine), token.NewCredential(machine)
	mux := http.NewServeMux()
	want := func(r *http.Request, bearer token.Token, body any) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+bearer.Reveal() {
			t.Errorf("%s shows %s", r.URL.Path, got)
		}
		if content, err := io.ReadAll(r.Body); err != nil || string(content) != body {
			t.Errorf("%s sends %s (%v), want %s", r.URL.Path, content, err, body)
		}
	}
	mux.HandleFunc("POST /v1/register", func(w http.ResponseWriter, r *http.Request) {
		want(r, registration, `{"instanceID":7,"credentialSHA256":"ab","sealKey":"k","agentVersion":"v1"}`)
		answer(http.StatusOK, protocol.Registered{Machine: machine, HeartbeatSeconds: 9})(w, r)
	})
	mux.HandleFunc("POST /v1/heartbeat", func(w http.ResponseWriter, r *http.Request) {
		want(r, credential, `{"instanceID":7,"bootID":"b","agentVersion":"v1","appliedConfig":3,"openclaw":`+
			`{"running":true,"healthy":false},"disk":{"totalBytes":0,"freeBytes":0},"memory":{"totalBytes":0,"freeBytes":0}}`)
		orders(4)(w, r)
	})
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, r *http.Request) {
		want(r, credential, "")
		if r.Header.Get("If-None-Match") == `"4"` && r.URL.Query().Get("wait") == "55s" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		answer(http.StatusOK, protocol.Config{Version: 4, Content: []byte(`{}`), Sealed: []byte("s")})(w, r)
	})
	mux.HandleFunc("POST /v1/credential", func(w http.ResponseWriter, r *http.Request) {
		want(r, credential, `{"credentialSHA256":"cd"}`)
		w.WriteHeader(http.StatusNoContent)
	})
	c, ctx := using(t, gateway(t, mux)), t.Context()
	registered, err := c.Register(ctx, registration, protocol.Registration{
		InstanceID: 7, CredentialSHA256: "ab", SealKey: "k", AgentVersion: "v1",
	})
	if err != nil || registered.Machine != machine || registered.HeartbeatSeconds != 9 {
		t.Errorf("registered %+v (%v)", registered, err)
	}
	told, err := c.Beat(ctx, credential, protocol.Heartbeat{
		InstanceID: 7, BootID: "b", AgentVersion: "v1", AppliedConfig: 3, OpenClaw: protocol.OpenClaw{Running: true},
	})
	if err != nil || !told.Run || told.ConfigVersion != 4 {
		t.Errorf("orders %+v (%v)", told, err)
	}
	if config, err := c.Config(ctx, credential, 3, 0); err != nil || config.Version != 4 || string(config.Sealed) != "s" {
		t.Errorf("config %+v (%v)", config, err)
	}
	if config, err := c.Config(ctx, credential, 4, protocol.MaxWait); err != nil || config != nil {
		t.Errorf("nothing new is %+v (%v)", config, err)
	}
	if err := c.Rotate(ctx, credential, protocol.Rotation{CredentialSHA256: "cd"}); err != nil {
		t.Error(err)
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	refuse := func(status int, code protocol.Code, retryAfter string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", retryAfter)
			answer(status, &protocol.Problem{Title: "no", Code: code, RequestID: "r1"})(w, r)
		})
	}
	other := gateway(t, orders(1))
	for _, test := range []struct {
		status     int
		code       protocol.Code
		retryAfter string
		want       time.Duration
	}{
		{http.StatusUnauthorized, protocol.CodeUnauthorized, "", 0},
		{http.StatusConflict, protocol.CodeTokenUsed, "soon", 0},
		{http.StatusServiceUnavailable, protocol.CodeUnavailable, "7", 7 * time.Second},
		{http.StatusTooManyRequests, protocol.CodeTooMany, now.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{http.StatusServiceUnavailable, protocol.CodeUnavailable, "-7", 0},
		{http.StatusServiceUnavailable, protocol.CodeUnavailable, "999999999", 10 * time.Minute},
	} {
		_, err := beat(t, using(t, gateway(t, refuse(test.status, test.code, test.retryAfter)), other))
		var problem *protocol.Problem
		if !errors.As(err, &problem) || problem.Status != test.status || problem.RequestID != "r1" {
			t.Errorf("%d is %v", test.status, err)
		}
		var refusal *client.Refusal
		if client.CodeOf(err) != test.code || !errors.As(err, &refusal) || refusal.RetryAfter != test.want {
			t.Errorf("%d after %q is %+v, want %s", test.status, test.retryAfter, refusal, test.want)
		}
	}
}

// A later version may have codes that we do not know. What 401 means is the same.
func TestACodeThatWeDoNotKnowIsARefusal(t *testing.T) {
	for status, want := range map[int]protocol.Code{
		http.StatusUnauthorized: protocol.CodeUnauthorized, http.StatusForbidden: "later",
	} {
		_, err := beat(t, using(t, gateway(t, answer(status, &protocol.Problem{Title: "no", Code: "later"}))))
		if errors.Is(err, client.ErrUnreached) || client.CodeOf(err) != want {
			t.Errorf("%d is %v", status, err)
		}
	}
}

func TestWhatIsNotSaidByAGatewayIsNoAnswer(t *testing.T) {
	last := gateway(t, orders(9))
	for name, handler := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"a proxy's error": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "bad gateway", http.StatusBadGateway)
		},
		"a way elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, last.URLs[0]+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"run":tr`)
		},
		"too much": answer(http.StatusOK, strings.Repeat("x", 1<<20)),
		"a refusal that is none": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", protocol.ProblemType)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"nothing": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		first := gateway(t, handler)
		if told, err := beat(t, using(t, first, last)); err != nil || told.ConfigVersion != 9 {
			t.Errorf("after %s nobody else is asked: %+v (%v)", name, told, err)
		}
		if _, err := beat(t, using(t, first)); !errors.Is(err, client.ErrUnreached) || client.CodeOf(err) != "" {
			t.Errorf("%s is an answer: %v", name, err)
		}
	}
}

func TestOnlyAGatewayThatIsProvenIsAsked(t *testing.T) {
	asked := func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }
	proven := gateway(t, orders(1))
	stranger := gateway(t, http.HandlerFunc(asked))
	stranger.CA = proven.CA
	old := gateway(t, http.HandlerFunc(asked), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	systems := gateway(t, http.HandlerFunc(asked))
	systems.CA = ""
	for name, route := range map[string]state.Route{"a stranger": stranger, "TLS 1.1": old, "no CA": systems} {
		if _, err := beat(t, using(t, route)); !errors.Is(err, client.ErrUnreached) {
			t.Errorf("%s: %v", name, err)
		}
		if told, err := beat(t, using(t, route, proven)); err != nil || told.ConfigVersion != 1 {
			t.Errorf("after %s: %+v (%v)", name, told, err)
		}
	}
}

func TestTheBestIsAskedAgainAfterAWhile(t *testing.T) {
	up, asked := false, 0
	best := gateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if !up {
			panic(http.ErrAbortHandler)
		}
		orders(1)(w, r)
	}))
	second := gateway(t, orders(2))
	clock := clocktesting.NewFakePassiveClock(now)
	c := client.New(clock)
	if err := c.Use(best, second); err != nil {
		t.Fatal(err)
	}
	for step, want := range []struct {
		version int64
		asked   int
	}{{2, 1}, {2, 1}, {2, 2}, {2, 2}, {1, 3}, {1, 4}} {
		if step == 2 || step == 4 {
			up = step == 4
			clock.SetTime(clock.Now().Add(5 * time.Minute))
		}
		if told, err := beat(t, c); err != nil || told.ConfigVersion != want.version || asked != want.asked {
			t.Errorf("step %d: asked %d times, version %d (%v), want %+v", step, asked, told.ConfigVersion, err, want)
		}
	}
}

func TestWhatWorkedIsKnown(t *testing.T) {
	nowhere := state.Route{URLs: []string{"https://127.0.0.1:1"}}
	best, second := gateway(t, answer(http.StatusUnauthorized, &protocol.Problem{})), gateway(t, orders(2))
	c := using(t, nowhere, best)
	if _, err := beat(t, c); err == nil || len(c.Proven().URLs) > 0 {
		t.Errorf("a refusal proves %v (%v)", c.Proven(), err)
	}
	if err := c.Use(nowhere, second, best); err != nil {
		t.Fatal(err)
	}
	if _, err := beat(t, c); err != nil || !reflect.DeepEqual(c.Proven(), second) {
		t.Errorf("%v is proven (%v)", c.Proven(), err)
	}
	if err := c.Use(nowhere); err != nil {
		t.Fatal(err)
	}
	if _, err := beat(t, c); err == nil || !reflect.DeepEqual(c.Proven(), second) {
		t.Errorf("%v is proven when nobody answers any more (%v)", c.Proven(), err)
	}
}

// A request may be held for longer than its Route is good.
func TestWhatAnswersLateIsNotPreferred(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	asked := 0
	before := gateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		close(held)
		<-release
		orders(1)(w, r)
	}))
	nowhere, next := state.Route{URLs: []string{"https://127.0.0.1:1"}}, gateway(t, orders(2))
	c := using(t, nowhere, before)
	ended := make(chan error)
	go func() {
		_, err := c.Beat(t.Context(), token.NewCredential(machine), protocol.Heartbeat{})
		ended <- err
	}()
	<-held
	if err := c.Use(next, nowhere); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	told, err := beat(t, c)
	if err != nil || told.ConfigVersion != 2 || asked != 1 || !reflect.DeepEqual(c.Proven(), next) {
		t.Errorf("version %d (%v), the gateway that was is asked %d times", told.ConfigVersion, err, asked)
	}
}

func TestARouteThatCannotBeUsedChangesNothing(t *testing.T) {
	good := gateway(t, orders(1))
	c := using(t, good)
	for _, bad := range []state.Route{
		{}, {URLs: []string{"http://gateway"}}, {URLs: []string{"https://"}}, {URLs: []string{"https://u:p@gateway"}},
		{URLs: []string{"https://gateway/path"}}, {URLs: []string{"https://gateway?q"}}, {URLs: []string{":"}},
		{URLs: good.URLs, CA: "no certificate"},
	} {
		if err := c.Use(bad, good); err == nil {
			t.Errorf("%v is used", bad)
		}
	}
	if _, err := beat(t, c); err != nil {
		t.Error(err)
	}
}

func TestAConnectionIsKept(t *testing.T) {
	connections := map[string]bool{}
	c := using(t, gateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		orders(1)(w, r)
	})))
	for range 5 {
		if _, err := beat(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections for 5 heartbeats", len(connections))
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := using(t, gateway(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})))
	if _, err := c.Config(ctx, token.NewCredential(machine), 0, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}

func TestBackoffIsSpreadAndBounded(t *testing.T) {
	failure := errors.New("failure")
	for _, random := range []float64{0, 0.5, 1} {
		b := client.Backoff{Random: func() float64 { return random }}
		bound := time.Second
		for range 40 {
			if got, want := b.Next(failure), time.Duration(random*float64(bound)); got != want {
				t.Errorf("waits %s, want %s", got, want)
			}
			bound = min(2*bound, client.LongestBackoff)
		}
		b.Reset()
		asked := fmt.Errorf("beating: %w", &client.Refusal{Problem: &protocol.Problem{}, RetryAfter: time.Minute})
		if got, want := b.Next(asked), time.Minute+time.Duration(random*float64(time.Second)); got != want {
			t.Errorf("waits %s after being asked to wait a minute, want %s", got, want)
		}
	}
}
