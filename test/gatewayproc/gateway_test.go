// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gatewayproc

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const instance = 7

// machine is a machine that has registered.
type machine struct {
	name                     string
	registration, credential token.Token
	sealed                   string
}

func (m machine) bearer() []string {
	return []string{"Authorization", "Bearer " + m.credential.Reveal()}
}

// givenMachine makes a machine with one config, and registers it.
func givenMachine(t *testing.T, p *process, trust *x509.CertPool, name string) machine {
	t.Helper()
	m := machine{
		name: name, registration: token.NewRegistration([]byte("the key of the fleet"), name),
		credential: token.NewCredential(name), sealed: "c2VhbGVkIGZvciBvbmUgbWFjaGluZQ==",
	}
	secret := &corev1.Secret{ObjectMeta: delivery.ObjectMeta(delivery.Namespace, name, "desk", "scout")}
	err := delivery.Write(secret, &delivery.Machine{
		Namespace: "desk", Bot: "scout", InstanceID: instance, Run: true, IntervalSeconds: 30, GraceSeconds: 150,
		Registration: &delivery.Registration{
			SHA256: m.registration.Hash().String(), NotAfter: clock.RealClock{}.Now().Add(time.Hour),
		},
	}, &delivery.Content{
		Version: 1, Config: json.RawMessage(`{"name":"scout"}`), Sealed: []byte("sealed for one machine"),
	})
	if err != nil {
		t.Fatal(err)
	}
	create(t, secret)
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, trust, p.url+protocol.RegisterPath, protocol.Registration{
		InstanceID: instance, CredentialSHA256: m.credential.Hash().String(), SealKey: key.Public().String(),
		AgentVersion: "v1.0.0",
	}, "Authorization", "Bearer "+m.registration.Reveal())
	if got.status != http.StatusOK {
		t.Fatalf("registering: %s", got)
	}
	return m
}

// create makes the delivery Secret of a machine, and the test's end takes away all that is of the machine.
func create(t *testing.T, secret *corev1.Secret) {
	t.Helper()
	secrets := shared.kube.CoreV1().Secrets(delivery.Namespace)
	if _, err := secrets.Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		err := secrets.Delete(ctx, secret.Name, metav1.DeleteOptions{})
		leases := shared.kube.CoordinationV1().Leases(delivery.Namespace)
		if err = errors.Join(err, leases.Delete(ctx, secret.Name, metav1.DeleteOptions{})); err != nil {
			t.Error(err)
		}
	})
}

func beat() protocol.Heartbeat {
	return protocol.Heartbeat{InstanceID: instance, BootID: "boot-1", AgentVersion: "v1.0.0"}
}

func TestTheProgramServesMachinesAndSaysNothingSecret(t *testing.T) {
	agents := t.TempDir()
	build := []byte("a build of the agent")
	if err := os.WriteFile(filepath.Join(agents, "agent-linux-amd64"), build, 0o600); err != nil {
		t.Fatal(err)
	}
	p, trust := launch(t, "--agent-dir="+agents, "--lease-writes-per-second=5", "--max-watches=10")
	m := givenMachine(t, p, trust, "serves-k3v9x2m1qab7c")
	if got := ask(t, trust, p.url+protocol.HeartbeatPath, beat(), m.bearer()...); got.status != 200 ||
		!strings.Contains(got.body, `"run":true`) {
		t.Errorf("heartbeat: %s", got)
	}
	if got := ask(t, trust, p.url+protocol.ConfigPath, nil, m.bearer()...); got.status != 200 ||
		!strings.Contains(got.body, m.sealed) {
		t.Errorf("config: %s", got)
	}
	digest := sha256.Sum256(build)
	path := p.url + protocol.AgentPath + hex.EncodeToString(digest[:])
	if got := ask(t, trust, path, nil); got.body != string(build) {
		t.Errorf("a build of the agent: %s", got)
	}
	// With the wrong token, too: what is refused is logged.
	other := token.NewCredential(m.name)
	got := ask(t, trust, p.url+protocol.HeartbeatPath, beat(), "Authorization", "Bearer "+other.Reveal())
	if got.status != http.StatusUnauthorized {
		t.Errorf("another credential: %s", got)
	}
	for url, want := range map[string]string{
		p.url + "/healthz": "ok", p.url + "/readyz": "ok", p.probes + "/healthz": "ok", p.probes + "/readyz": "ok",
		p.metrics + "/metrics": "openspawn_gateway_registrations_total",
	} {
		if got := ask(t, trust, url, nil); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %s", url, got)
		}
	}
	told := p.log.String() + ask(t, nil, p.metrics, nil).body
	for what, secret := range map[string]string{
		"the registration token": secretOf(m.registration), "the credential": secretOf(m.credential),
		"a credential that is unknown": secretOf(other), "what is sealed": m.sealed,
		"the hash of the credential": m.credential.Hash().String(),
	} {
		if strings.Contains(told, secret) {
			t.Errorf("log or metrics tell %s: %s", what, told)
		}
	}
	for line := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
	}
}

// secretOf is the part of a token that nobody may know.
func secretOf(shown token.Token) string {
	all := shown.Reveal()
	return all[strings.LastIndex(all, ".")+1:]
}

func TestTheProgramTakesOverACertificateThatChanges(t *testing.T) {
	p, before := launch(t)
	if got := ask(t, before, p.url+"/healthz", nil); got.status != 200 {
		t.Fatal(got)
	}
	after := p.writeCertificate(t)
	eventually(t, "the new certificate is served", func() bool {
		return ask(t, after, p.url+"/healthz", nil).status == 200
	})
	if got := ask(t, before, p.url+"/healthz", nil); got.err == nil {
		t.Error("the old one is served too")
	}
}

// Load balancers are given the time to notice, and machines are sent elsewhere.
func TestTheProgramDrainsBeforeItEnds(t *testing.T) {
	p, trust := launch(t, "--drain-delay=3s")
	m := givenMachine(t, p, trust, "drains-k3v9x2m1qab7c")
	poll := p.url + protocol.ConfigPath + "?" + protocol.WaitParameter + "=50s"
	held := make(chan reply, 1)
	go func() {
		held <- ask(t, trust, poll, nil, append(m.bearer(), "If-None-Match", `"1-run"`)...)
	}()
	eventually(t, "a request is held", func() bool {
		return strings.Contains(ask(t, nil, p.metrics, nil).body, "openspawn_gateway_watches 1")
	})
	p.signal(t, syscall.SIGTERM)
	select {
	case got := <-held:
		if got.status != http.StatusNotModified {
			t.Errorf("what was held is answered with %s", got)
		}
	case <-time.After(patience):
		t.Error("what was held is not answered")
	}
	if got := ask(t, nil, p.probes+"/readyz", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("it is ready while it drains: %s", got)
	}
	if got := ask(t, trust, p.url+protocol.HeartbeatPath, beat(), m.bearer()...); got.status != 200 {
		t.Errorf("a heartbeat while it drains: %s", got)
	}
	if code := p.code(t); code != 0 {
		t.Errorf("exit code %d: %s", code, p.log)
	}
}

func TestTheProgramHoldsNoMoreThanItIsTold(t *testing.T) {
	p, trust := launch(t, "--max-watches=0")
	m := givenMachine(t, p, trust, "holds-none-k3v9x2m1qab7c")
	got := ask(t, trust, p.url+protocol.ConfigPath+"?"+protocol.WaitParameter+"=50s", nil,
		append(m.bearer(), "If-None-Match", `"1-run"`)...)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("%s", got)
	}
}

func TestTheProgramBelievesTheProxiesItIsTold(t *testing.T) {
	p, _ := launch(t, "--trusted-proxies=127.0.0.0/8")
	connection, err := net.Dial("tcp", strings.TrimPrefix(p.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	client := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}
	header := proxyproto.HeaderProxyFromAddrs(2, client, connection.RemoteAddr())
	if _, err := header.WriteTo(connection); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Write([]byte("not TLS at all, but it says for whom\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says who it was", func() bool { return strings.Contains(p.log.String(), "203.0.113.7") })
}

func TestASettingThatIsWrongIsOneLine(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	needed := []string{"--tls-cert-file=" + missing, "--tls-key-file=" + missing, "--kubeconfig=" + shared.kubeconfig}
	for name, test := range map[string]struct {
		flags []string
		code  int
		named string
	}{
		"no certificate":           {code: 2, named: "--tls-cert-file"},
		"an unknown flag":          {flags: []string{"--nonsense"}, code: 2, named: "-nonsense"},
		"no writes":                {flags: append(needed, "--lease-writes-per-second=0"), code: 2, named: "--lease-writes"},
		"a proxy that is none":     {flags: append(needed, "--trusted-proxies=office"), code: 2, named: "--trusted-proxies"},
		"no such kubeconfig":       {flags: append(needed, "--kubeconfig="+missing), code: 1, named: "--kubeconfig"},
		"no such certificate":      {flags: needed, code: 1, named: "certificate"},
		"no such builds of agents": {flags: append(needed, "--agent-dir="+missing), code: 1, named: "agent"},
	} {
		t.Run(name, func(t *testing.T) {
			var p program
			p.start(t, shared.binary, test.flags)
			code, said := p.code(t), strings.TrimSpace(p.log.String())
			last := said[strings.LastIndex(said, "\n")+1:]
			if code != test.code || !strings.HasPrefix(last, "gateway: ") || !strings.Contains(last, test.named) {
				t.Errorf("exit code %d: %s", code, said)
			}
		})
	}
}
