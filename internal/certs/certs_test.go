// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cedros-io/open-spawn/internal/certs"
	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	host       = "localhost"
	soonEnough = 30 * time.Second
)

var plane *controlplane.Plane

func TestMain(m *testing.M) {
	var err error
	if plane, err = controlplane.Start(context.Background(), controlplane.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// world is a namespace of its own, and the one webhook configuration.
type world struct {
	client.Client

	t         *testing.T
	namespace string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	api, err := client.New(plane.Config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Client: api, t: t, namespace: "system-" + rand.String(6)}
	t.Setenv("TMPDIR", t.TempDir())
	if err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// replica is one manager.
type replica struct {
	address string
	ready   healthz.Checker
	stop    func()
}

// start runs a manager that serves webhooks under these names.
func (w *world) start(hosts ...string) *replica {
	w.t.Helper()
	mgr, err := ctrl.NewManager(plane.Config(), ctrl.Options{
		Scheme: manager.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		GracefulShutdownTimeout: ptr.To(soonEnough),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r := &replica{address: freeAddress(w.t)}
	server, err := certs.Add(w.t.Context(), mgr, certs.Options{
		Address: r.address, Namespace: w.namespace, Hosts: hosts, API: w.Client,
		Controller: "certificate-" + rand.String(8), Clock: clock.RealClock{},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r.ready = server.StartedChecker()
	server.Register("/hello", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("hello"))
	}))
	if r.ready(nil) == nil {
		w.t.Error("a server that was not started is ready")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the manager ended with: %v", err)
		}
	}
	w.t.Cleanup(r.stop)
	w.eventually("the server is ready", func() error { return r.ready(nil) })
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func (w *world) eventually(what string, condition func() error) {
	w.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(w.t.Context(), 50*time.Millisecond, soonEnough, true,
		func(context.Context) (bool, error) {
			last = condition()
			return last == nil, nil
		})
	if err != nil {
		w.t.Fatalf("%s: not within %s: %v", what, soonEnough, last)
	}
}

// configure creates the webhook configuration, with nothing in it that could be called.
func (w *world) configure() {
	w.t.Helper()
	hook := func(name string) admissionregistrationv1.ValidatingWebhook {
		return admissionregistrationv1.ValidatingWebhook{
			Name: name, AdmissionReviewVersions: []string{"v1"},
			SideEffects:  ptr.To(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + host + "/hello")},
		}
	}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: certs.ConfigurationName},
		Webhooks:   []admissionregistrationv1.ValidatingWebhook{hook("a.example.com"), hook("b.example.com")},
	}
	if err := w.Create(w.t.Context(), configuration); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.unconfigure)
}

func (w *world) unconfigure() {
	w.t.Helper()
	err := w.Delete(context.WithoutCancel(w.t.Context()), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: certs.ConfigurationName},
	})
	if client.IgnoreNotFound(err) != nil {
		w.t.Error(err)
	}
}

// bundle is what the API server trusts for all webhooks.
func (w *world) bundle() ([]byte, error) {
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := w.Get(w.t.Context(), client.ObjectKey{Name: certs.ConfigurationName}, &configuration); err != nil {
		return nil, err
	}
	first := configuration.Webhooks[0].ClientConfig.CABundle
	if len(first) == 0 || !bytes.Equal(first, configuration.Webhooks[1].ClientConfig.CABundle) {
		return nil, errors.New("not every webhook has the bundle")
	}
	return first, nil
}

func (w *world) secret() (*corev1.Secret, error) {
	var secret corev1.Secret
	return &secret, w.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: certs.SecretName}, &secret)
}

func (w *world) mustSecret() *corev1.Secret {
	w.t.Helper()
	secret, err := w.secret()
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// trusts tells whether who trusts the CA can call the replica by that name.
func (r *replica) trusts(ca []byte, name string) error {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("there is no CA")
	}
	connection, err := tls.Dial("tcp", r.address, &tls.Config{
		RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		return err
	}
	return connection.Close()
}

// isCalled waits until the API server would trust the replica.
func (w *world) isCalled(r *replica) {
	w.t.Helper()
	w.eventually("the API server trusts the server", func() error {
		ca, err := w.bundle()
		if err != nil {
			return err
		}
		return r.trusts(ca, host)
	})
}

func TestTheManagerMakesItsOwnCertificate(t *testing.T) {
	w := newWorld(t)
	w.configure()
	r := w.start(host)
	w.isCalled(r)
	secret := w.mustSecret()
	for _, name := range []string{
		"open-spawn-webhook." + w.namespace + ".svc", "open-spawn-webhook." + w.namespace + ".svc.cluster.local", host,
	} {
		if err := r.trusts(secret.Data["ca.crt"], name); err != nil {
			t.Errorf("called by %s: %v", name, err)
		}
	}
	if err := r.trusts(secret.Data["ca.crt"], "evil.example.com"); err == nil {
		t.Error("the certificate is for every name")
	}
	if life := lifeOf(t, secret.Data["tls.crt"]); life < 364*24*time.Hour || life > 366*24*time.Hour {
		t.Errorf("the certificate is good for %s", life)
	}
	files, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "open-spawn-webhook-*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q (%v), want one", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v (%v)", info.Mode(), err)
	}
	r.stop()
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "open-spawn-webhook-*")); len(left) > 0 {
		t.Errorf("left is %q", left)
	}
}

func lifeOf(t *testing.T, certificate []byte) time.Duration {
	t.Helper()
	block, _ := pem.Decode(certificate)
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.NotAfter.Sub(parsed.NotBefore)
}

func TestASecretThatIsDeletedIsMadeAgainWhileTheServerServes(t *testing.T) {
	w := newWorld(t)
	w.configure()
	r, other := w.start(host), w.start(host)
	w.isCalled(r)
	w.isCalled(other)
	before := w.mustSecret()
	if err := w.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	w.eventually("there is another certificate, and everybody uses it", func() error {
		if err := r.ready(nil); err != nil {
			t.Errorf("meanwhile the server does not serve: %v", err)
		}
		after, err := w.secret()
		if err != nil {
			return err
		}
		if bytes.Equal(before.Data["ca.crt"], after.Data["ca.crt"]) {
			return errors.New("the CA is the old one")
		}
		bundle, err := w.bundle()
		if err != nil {
			return err
		}
		if !bytes.Equal(bundle, after.Data["ca.crt"]) {
			return errors.New("the API server trusts the old CA")
		}
		return errors.Join(r.trusts(bundle, host), other.trusts(bundle, host))
	})
}

func TestACertificateThatIsSpoiltIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.configure()
	r := w.start(host)
	w.isCalled(r)
	secret := w.mustSecret()
	ca := secret.Data["ca.crt"]
	secret.Data["tls.crt"] = []byte("nonsense")
	if err := w.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.eventually("the certificate is another, of the same CA", func() error {
		after := w.mustSecret()
		if !bytes.Equal(after.Data["ca.crt"], ca) {
			return errors.New("the CA is another")
		}
		_, err := tls.X509KeyPair(after.Data["tls.crt"], after.Data["tls.key"])
		return err
	})
	w.isCalled(r)
}

func TestAConfigurationThatIsMadeAgainGetsTheBundleAgain(t *testing.T) {
	w := newWorld(t)
	r := w.start(host) // serves although there is none
	for range 2 {
		w.configure()
		w.isCalled(r)
		w.unconfigure()
	}
	w.configure()
	w.isCalled(r)
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := w.Get(t.Context(), client.ObjectKey{Name: certs.ConfigurationName}, &configuration); err != nil {
		t.Fatal(err)
	}
	configuration.Webhooks[1].ClientConfig.CABundle = nil
	if err := w.Update(t.Context(), &configuration); err != nil {
		t.Fatal(err)
	}
	w.isCalled(r)
}

func TestANameMoreIsAnotherCertificateOfTheSameCA(t *testing.T) {
	w := newWorld(t)
	w.start(host).stop()
	before := w.mustSecret()
	r := w.start(host, "hooks.example.com")
	w.eventually("the certificate is for both names", func() error {
		return errors.Join(r.trusts(before.Data["ca.crt"], host), r.trusts(before.Data["ca.crt"], "hooks.example.com"))
	})
	r.stop()
	renewed := w.mustSecret()
	w.start(host).stop()
	if after := w.mustSecret(); !slices.Equal(after.Data["tls.crt"], renewed.Data["tls.crt"]) {
		t.Error("a name less is another certificate")
	}
}

// In a rolling update old replicas, which know fewer names, look after the same Secret.
func TestANameMoreStaysWhileAnOlderReplicaRuns(t *testing.T) {
	w := newWorld(t)
	w.configure()
	old := w.start(host)
	w.isCalled(old)
	r := w.start(host, "hooks.example.com")
	for _, serving := range []*replica{r, old} {
		w.eventually("the certificate is for both names", func() error {
			ca := w.mustSecret().Data["ca.crt"]
			return errors.Join(serving.trusts(ca, host), serving.trusts(ca, "hooks.example.com"))
		})
	}
	w.isCalled(r)
}

func TestAnAddressThatIsNone(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{"nonsense", ":", ":0", ":https"} {
		_, err := certs.Add(t.Context(), nil, certs.Options{Address: address, Namespace: w.namespace, API: w.Client})
		if err == nil || !strings.Contains(err.Error(), "the webhook's address") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
