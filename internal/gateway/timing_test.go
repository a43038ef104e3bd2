// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// BenchmarkRefusal compares how long it takes to refuse a name that nobody has and a wrong secret: nobody is to learn
// from it which machines there are.
func BenchmarkRefusal(b *testing.B) {
	now := clocktesting.NewFakeClock(clockNow())
	g, err := gateway.New(gateway.Options{
		Name: "timing", Client: kube, Namespace: delivery.Namespace, LeaseWritesPerSecond: 50, Clock: now,
		Logger: logr.Discard(),
	})
	if err != nil {
		b.Fatal(err)
	}
	const known = "timing-k3v9x2m1qab7c"
	if err := makeMachine(b.Context(), known, nil); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = removeMachine(known) })
	for what, shown := range map[string]token.Token{
		"unknown": token.NewRegistration([]byte("another key"), "nobody-k3v9x2m1qab7c"),
		"wrong":   token.NewRegistration([]byte("another key"), known),
	} {
		b.Run(what, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				request := httptest.NewRequest(http.MethodPost, protocol.RegisterPath, strings.NewReader("{}"))
				request.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255)
				request.Header.Set("Authorization", "Bearer "+shown.Reveal())
				answer := httptest.NewRecorder()
				if g.ServeHTTP(answer, request); answer.Code != http.StatusUnauthorized {
					b.Fatalf("%d %s", answer.Code, answer.Body)
				}
			}
		})
	}
}

// FuzzRequest: whatever is sent, the answer is one of ours, and nobody is let in.
func FuzzRequest(f *testing.F) {
	f.Add("POST", protocol.HeartbeatPath, "Bearer osc1.a.b", "", `{}`)
	f.Add("GET", protocol.ConfigPath+"?wait=1h", "Bearer "+token.NewCredential("a").Reveal(), `"1-run"`, "")
	f.Add("GET", protocol.AgentPath+"../..", "", "", "")
	unreachable, err := kubernetes.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		f.Fatal(err)
	}
	g, err := gateway.New(gateway.Options{
		Name: "fuzzed", Client: unreachable, Namespace: delivery.Namespace, LeaseWritesPerSecond: 50,
		Clock: clocktesting.NewFakeClock(clockNow()), Logger: logr.Discard(),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, authorization, tag, body string) {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://gateway.example", strings.NewReader(body))
		if err != nil {
			return
		}
		if request.URL, err = request.URL.Parse(path); err != nil {
			return
		}
		request.RemoteAddr = "192.0.2.1:1"
		request.Header.Set("Authorization", authorization)
		request.Header.Set("If-None-Match", tag)
		answer := httptest.NewRecorder()
		g.ServeHTTP(answer, request)
		open := strings.HasPrefix(request.URL.Path, "/healthz")
		if answer.Code < 400 && !open || answer.Code >= 400 && answer.Header().Get("Content-Type") != protocol.ProblemType {
			t.Errorf("%s %q is answered %d %s", method, path, answer.Code, answer.Body)
		}
	})
}
