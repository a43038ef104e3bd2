// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// recorded is a body as version 1 of the protocol began: what has come since is absent. These files never change.
func recorded(tb testing.TB, name string, credential token.Token) string {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "v1", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.NewReplacer("CREDENTIAL", credential.Hash().String(), "SEALKEY", sealKey()).Replace(string(content))
}

func TestAnAgentOfAnotherVersionIsServed(t *testing.T) {
	r := startReplica(t, "recorded")
	for what, change := range map[string]func(string) string{
		"as it began": func(body string) string { return body },
		"of a later one": func(body string) string {
			return strings.Replace(body, "{", `{"later":{"than":["we","know"]},`, 1)
		},
	} {
		name := strings.ReplaceAll(what, " ", "-") + "-k3v9x2m1qab7c"
		givenMachine(t, name)
		credential, next := token.NewCredential(name), token.NewCredential(name)
		got := r.call(t, http.MethodPost, protocol.RegisterPath, change(recorded(t, "register", credential)),
			bearer(token.NewRegistration(fleetKey, name))...)
		if got.status != http.StatusOK || strings.TrimSpace(got.body) != `{"machine":"`+name+`","heartbeatSeconds":30}` {
			t.Errorf("%s: registering: %d %s", what, got.status, got.body)
		}
		got = r.call(t, http.MethodPost, protocol.HeartbeatPath, change(recorded(t, "heartbeat", credential)),
			bearer(credential)...)
		if got.status != http.StatusOK || !strings.Contains(got.body, `"run":true,"configVersion":0,`) ||
			!strings.Contains(got.body, `"nextHeartbeatSeconds":`) {
			t.Errorf("%s: a heartbeat: %d %s", what, got.status, got.body)
		}
		got = r.call(t, http.MethodPost, protocol.CredentialPath, change(recorded(t, "credential", next)),
			bearer(credential)...)
		if got.status != http.StatusNoContent {
			t.Errorf("%s: another credential: %d %s", what, got.status, got.body)
		}
	}
}

// FuzzBody: whatever a machine with a good token or credential sends, it is answered as the protocol says, and nothing
// of what is secret is logged.
func FuzzBody(f *testing.F) {
	const name = "fuzzed-k3v9x2m1qab7c"
	// It is the same in all processes that fuzz: a body may name it.
	registered, err := token.Parse(token.Credential, "osc1."+name+"."+strings.Repeat("A", 43))
	if err != nil {
		f.Fatal(err)
	}
	for call, file := range []string{"register", "heartbeat", "credential"} {
		f.Add(uint8(call), recorded(f, file, registered))
		f.Add(uint8(call), `{"instanceID":1e3,"bootID":null}`)
		f.Add(uint8(call), "\x00[{")
	}
	f.Fuzz(func(t *testing.T, call uint8, body string) {
		now, log := clocktesting.NewFakeClock(time.Unix(2e9, 0)), &logged{}
		shown := token.NewRegistration(fleetKey, name)
		secret := &corev1.Secret{ObjectMeta: delivery.ObjectMeta(delivery.Namespace, name, "desk", "scout")}
		err := delivery.Write(secret, &delivery.Machine{
			Namespace: "desk", Bot: "scout", InstanceID: instance, Run: true, IntervalSeconds: 30, GraceSeconds: 150,
			Registration: &delivery.Registration{SHA256: shown.Hash().String(), NotAfter: now.Now().Add(time.Hour)},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := gateway.New(gateway.Options{
			Name: "fuzzed", Client: fake.NewClientset(secret), Namespace: delivery.Namespace, LeaseWritesPerSecond: 50,
			Clock: now, Logger: zap.New(zap.WriteTo(log), zap.UseDevMode(true)),
		})
		if err != nil {
			t.Fatal(err)
		}
		send := func(path, body string, shown token.Token) *httptest.ResponseRecorder {
			gone, leave := context.WithCancel(t.Context())
			leave() // nobody writes Leases here, so nobody is to wait for that
			request := httptest.NewRequestWithContext(gone, http.MethodPost, path, strings.NewReader(body))
			request.Header.Set("Authorization", "Bearer "+shown.Reveal())
			answer := httptest.NewRecorder()
			g.ServeHTTP(answer, request)
			return answer
		}
		paths := []string{protocol.RegisterPath, protocol.HeartbeatPath, protocol.CredentialPath}
		path := paths[int(call)%len(paths)]
		if path != protocol.RegisterPath {
			answer := send(protocol.RegisterPath, recorded(t, "register", registered), shown)
			if answer.Code != http.StatusOK {
				t.Fatalf("registering: %d %s", answer.Code, answer.Body)
			}
			shown = registered
		}
		answer := send(path, body, shown)
		switch answer.Code {
		case http.StatusOK, http.StatusNoContent:
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
			if answer.Header().Get("Content-Type") != protocol.ProblemType {
				t.Errorf("%s %q is refused with %s", path, body, answer.Body)
			}
		default:
			t.Errorf("%s %q is answered %d %s", path, body, answer.Code, answer.Body)
		}
		if told := log.String() + answer.Body.String(); strings.Contains(told, shown.Reveal()[len("osc1."+name+"."):]) {
			t.Errorf("%s %q: the token is told: %s", path, body, told)
		}
	})
}
