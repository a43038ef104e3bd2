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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	instance = 7
	// patience bounds every wait of these tests.
	patience = 30 * time.Second
)

var fleetKey = []byte("the key of the fleet")

// replica is one gateway behind a real socket.
type replica struct {
	*gateway.Gateway
	url string
	log *logged
}

// logged is what a gateway has logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startReplica starts a gateway, with the real clock: it is over a real socket.
func startReplica(t *testing.T, name string, change ...func(*gateway.Options)) *replica {
	t.Helper()
	r := &replica{log: &logged{}}
	o := gateway.Options{
		Name: name, Client: kube, Namespace: delivery.Namespace, LeaseWritesPerSecond: 50, MaxWatches: 100,
		Clock: clock.RealClock{}, Logger: logr.New(zap.New(zap.WriteTo(r.log), zap.UseDevMode(true)).GetSink()),
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	if r.Gateway, err = gateway.New(o); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	server := httptest.NewServer(r)
	r.url = server.URL
	t.Cleanup(func() {
		r.Drain()
		server.Close()
		stop()
		<-done
	})
	eventually(t, "the gateway is ready", func() bool { return r.Ready() == nil })
	return r
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.After(patience); !is(); {
		select {
		case <-end:
			t.Fatalf("it never comes true that %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// clockNow is the time, for what is compared with a real one.
func clockNow() time.Time { return clock.RealClock{}.Now() }

// givenMachine makes the delivery Secret of a machine that has not registered.
func givenMachine(t *testing.T, name string, change ...func(*delivery.Machine)) {
	t.Helper()
	if err := makeMachine(t.Context(), name, change); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { revoke(t, name) })
}

func makeMachine(ctx context.Context, name string, change []func(*delivery.Machine)) error {
	m := &delivery.Machine{
		Namespace: "desk", Bot: "scout", InstanceID: instance, Run: true, IntervalSeconds: 30, GraceSeconds: 150,
		Registration: &delivery.Registration{
			SHA256:   token.NewRegistration(fleetKey, name).Hash().String(),
			NotAfter: clockNow().Add(time.Hour),
		},
	}
	for _, c := range change {
		c(m)
	}
	secret := &corev1.Secret{ObjectMeta: delivery.ObjectMeta(delivery.Namespace, name, m.Namespace, m.Bot)}
	if err := delivery.Write(secret, m, nil); err != nil {
		return err
	}
	_, err := kube.CoreV1().Secrets(delivery.Namespace).Create(ctx, secret, metav1.CreateOptions{})
	return err
}

// revoke removes what there is of a machine.
func revoke(t *testing.T, name string) {
	t.Helper()
	if err := removeMachine(name); err != nil {
		t.Error(err)
	}
}

// removeMachine also works when a test is at its end.
func removeMachine(name string) error {
	ctx := context.Background()
	for _, err := range []error{
		kube.CoreV1().Secrets(delivery.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
		kube.CoordinationV1().Leases(delivery.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
	} {
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// tell changes what a machine is told.
func tell(t *testing.T, name string, change func(*delivery.Machine) *delivery.Content) {
	t.Helper()
	secrets := kube.CoreV1().Secrets(delivery.Namespace)
	secret, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := delivery.ReadMachine(secret)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := delivery.ReadContent(secret)
	if changed := change(m); changed != nil {
		c = changed
	}
	if err := delivery.Write(secret, m, c); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// leaseOf is a machine's Lease; nil when there is none.
func leaseOf(t *testing.T, name string) *coordinationv1.Lease {
	t.Helper()
	lease, err := kube.CoordinationV1().Leases(delivery.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		t.Fatal(err)
	}
	return lease
}

func presenceOf(t *testing.T, name string) *delivery.Presence {
	t.Helper()
	lease := leaseOf(t, name)
	if lease == nil {
		t.Fatalf("%s has no Lease", name)
	}
	p, err := delivery.ReadPresence(lease)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// problem is the answer's code.
func (r reply) problem() protocol.Code {
	var p protocol.Problem
	_ = json.Unmarshal([]byte(r.body), &p)
	return p.Code
}

// call sends a request. Header is a list of names and values.
func (r *replica) call(t *testing.T, method, path string, body any, header ...string) reply {
	t.Helper()
	got, request, sent := exchange(t.Context(), method, r.url+path, body, header...)
	if got.err == nil {
		hold(t, request, sent, got)
	}
	return got
}

func call(ctx context.Context, method, url string, body any, header ...string) reply {
	got, _, _ := exchange(ctx, method, url, body, header...)
	return got
}

// exchange sends a request, and also gives what was sent.
func exchange(
	ctx context.Context, method, url string, body any, header ...string,
) (got reply, request *http.Request, content []byte) {
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	default:
		content, _ = json.Marshal(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(content))
	if err != nil {
		return reply{err: err}, nil, nil
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{err: err}, nil, nil
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(read), err}, request, content
}

func bearer(shown token.Token) []string { return []string{"Authorization", "Bearer " + shown.Reveal()} }

var sealKey = sync.OnceValue(func() string {
	key, err := seal.NewKey()
	if err != nil {
		panic(err)
	}
	return key.Public().String()
})

func registration(credential token.Token) protocol.Registration {
	return protocol.Registration{
		InstanceID: instance, CredentialSHA256: credential.Hash().String(), SealKey: sealKey(), AgentVersion: "v1.0.0",
	}
}

// register trades the token of a machine for a credential.
func (r *replica) register(t *testing.T, name string, credential token.Token) reply {
	t.Helper()
	return r.call(t, http.MethodPost, protocol.RegisterPath, registration(credential),
		bearer(token.NewRegistration(fleetKey, name))...)
}

// givenRegistered makes a machine that has registered, and gives its credential.
func givenRegistered(t *testing.T, r *replica, name string, change ...func(*delivery.Machine)) token.Token {
	t.Helper()
	givenMachine(t, name, change...)
	credential := token.NewCredential(name)
	if got := r.register(t, name, credential); got.status != http.StatusOK {
		t.Fatalf("registering: %d %s", got.status, got.body)
	}
	return credential
}

// beat sends a heartbeat and gives the orders.
func (r *replica) beat(t *testing.T, credential token.Token, change ...func(*protocol.Heartbeat)) protocol.Orders {
	t.Helper()
	h := protocol.Heartbeat{InstanceID: instance, BootID: "boot-1", AgentVersion: "v1.0.0"}
	for _, c := range change {
		c(&h)
	}
	got := r.call(t, http.MethodPost, protocol.HeartbeatPath, h, bearer(credential)...)
	if got.status != http.StatusOK {
		t.Fatalf("heartbeat: %d %s", got.status, got.body)
	}
	var orders protocol.Orders
	if err := json.Unmarshal([]byte(got.body), &orders); err != nil {
		t.Fatal(err)
	}
	return orders
}

// nameOf makes a machine's name of a test's.
func nameOf(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	return name[max(0, len(name)-40):] + "-k3v9x2m1qab7c"
}
