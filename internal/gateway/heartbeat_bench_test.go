// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/go-logr/logr"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// BenchmarkHeartbeat is what a heartbeat takes that says nothing new, beside a handler that only reads it and answers
// the same. Both include the request and the recorder of the test.
func BenchmarkHeartbeat(b *testing.B) {
	now := clocktesting.NewFakeClock(clockNow())
	g := running(b, now)
	const name = "beats-k3v9x2m1qab7c"
	if err := makeMachine(b.Context(), name, nil); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = removeMachine(name) })
	credential := token.NewCredential(name)
	post(b, g, protocol.RegisterPath, token.NewRegistration(fleetKey, name), protocol.Registration{
		InstanceID: instance, CredentialSHA256: credential.Hash().String(), SealKey: sealKey(),
	})
	beat := protocol.Heartbeat{InstanceID: instance, BootID: "boot"}
	answer := post(b, g, protocol.HeartbeatPath, credential, beat)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	})
	for what, handler := range map[string]http.Handler{"gateway": g, "bare": bare} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				now.Step(time.Second) // a machine may beat no more often than that
				post(b, handler, protocol.HeartbeatPath, credential, beat)
			}
		})
	}
}

// running is a gateway without a socket, until the benchmark ends.
func running(b *testing.B, now *clocktesting.FakeClock) *gateway.Gateway {
	b.Helper()
	g, err := gateway.New(gateway.Options{
		Name: "beats", Client: kube, Namespace: delivery.Namespace, LeaseWritesPerSecond: 50, Clock: now,
		Logger: logr.Discard(),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Run(ctx)
	}()
	b.Cleanup(func() {
		stop()
		<-done
	})
	for end := time.After(patience); g.Ready() != nil; runtime.Gosched() {
		select {
		case <-end:
			b.Fatal("the gateway never is ready")
		default:
		}
	}
	return g
}

// post is the body of an answer that is 200.
func post(b *testing.B, to http.Handler, path string, shown token.Token, body any) []byte {
	b.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(content))
	request.Header.Set("Authorization", "Bearer "+shown.Reveal())
	answer := httptest.NewRecorder()
	if to.ServeHTTP(answer, request); answer.Code != http.StatusOK {
		b.Fatalf("%s is answered %d %s", path, answer.Code, answer.Body)
	}
	return answer.Body.Bytes()
}
