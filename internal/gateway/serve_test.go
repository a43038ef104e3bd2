// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// served is a gateway as it is in a cluster: over TLS, with probes and metrics beside it.
type served struct {
	*gateway.Gateway
	address, probes, metrics string
	cert, key                string
	log                      *logged
	end                      context.CancelFunc
	ended                    chan error
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// writeCertificate makes a certificate and gives what trusts it.
func (s *served) writeCertificate(t *testing.T) *x509.CertPool {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{s.key: key, s.cert: certificate} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}

func serve(t *testing.T, name string, proxies ...netip.Prefix) (*served, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	s := &served{
		cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), log: &logged{},
		probes: freeAddress(t), metrics: freeAddress(t), ended: make(chan error, 1),
	}
	trust := s.writeCertificate(t)
	meters, registry := gateway.NewMeters(), prometheus.NewRegistry()
	registry.MustRegister(meters)
	var err error
	s.Gateway, err = gateway.New(gateway.Options{
		Name: name, Client: kube, Namespace: delivery.Namespace, LeaseWritesPerSecond: 50, MaxWatches: 100,
		Clock: clock.RealClock{}, Logger: zap.New(zap.WriteTo(s.log)), Meters: meters,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	s.end = end
	listening := make(chan string, 1)
	go func() {
		s.ended <- s.Serve(ctx, gateway.Serving{
			Listen: "127.0.0.1:0", CertFile: s.cert, KeyFile: s.key, TrustedProxies: proxies, Probes: s.probes,
			Metrics: s.metrics, Gatherer: registry, DrainDelay: 200 * time.Millisecond,
			Listening: func(at net.Addr) { listening <- at.String() },
		})
		close(s.ended)
	}()
	t.Cleanup(func() {
		end()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
	s.address = <-listening
	eventually(t, "the gateway is ready", func() bool { return s.Ready() == nil })
	return s, trust
}

// get asks over TLS, on a connection of its own, which a proxy may say whose it is.
func (s *served) get(path string, trust *x509.CertPool, header *proxyproto.Header, more ...string) (reply, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil && header != nil {
				_, err = header.WriteTo(connection)
			}
			return connection, err
		},
	}}
	request, err := http.NewRequest(http.MethodGet, "https://"+s.address+path, nil)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(more); i += 2 {
		request.Header.Set(more[i], more[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body), err}, err
}

func TestACertificateThatChangesIsServed(t *testing.T) {
	s, before := serve(t, "certificates")
	if got, err := s.get("/healthz", before, nil); err != nil || got.status != 200 {
		t.Fatalf("%d (%v)", got.status, err)
	}
	after := s.writeCertificate(t)
	eventually(t, "the new certificate is served", func() bool {
		_, err := s.get("/healthz", after, nil)
		return err == nil
	})
	old := &tls.Config{RootCAs: after, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if connection, err := tls.Dial("tcp", s.address, old); err == nil {
		_ = connection.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if got, err := http.Get("http://" + s.address + "/healthz"); err == nil {
		_ = got.Body.Close()
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d", got.StatusCode)
		}
	}
}

func TestProbesAndMetricsAreServedBeside(t *testing.T) {
	s, trust := serve(t, "beside")
	for url, want := range map[string]string{
		"http://" + s.probes + "/healthz": "ok", "http://" + s.probes + "/readyz": "ok",
		"http://" + s.metrics + "/": "openspawn_gateway_ready 1",
	} {
		if got := call(t.Context(), http.MethodGet, url, nil); !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s (%v)", url, got.status, got.body, got.err)
		}
	}
	if got, err := s.get("/metrics", trust, nil); err != nil || got.status != 404 {
		t.Errorf("metrics are served to everybody: %d (%v)", got.status, err)
	}
}

func TestWhatIsBegunIsFinished(t *testing.T) {
	s, trust := serve(t, "finishes")
	s.end()
	eventually(t, "the ready probe fails", func() bool { return s.Ready() != nil })
	if got, err := s.get("/healthz", trust, nil); err != nil || got.status != 200 {
		t.Errorf("while load balancers notice: %d (%v)", got.status, err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("the end is %v", err)
	}
}

func TestOnlyATrustedProxySaysWhoCalls(t *testing.T) {
	client := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}
	trusting, trust := serve(t, "trusts", netip.MustParsePrefix("127.0.0.0/8"))
	strict, strictTrust := serve(t, "trusts-not", netip.MustParsePrefix("10.0.0.0/8"))
	for version := range byte(2) {
		header := proxyproto.HeaderProxyFromAddrs(version+1, client, local)
		if got, err := trusting.get("/v1/x", trust, header); err != nil || got.status != 404 {
			t.Fatalf("version %d: %d (%v)", version+1, got.status, err)
		}
		if n := strings.Count(trusting.log.String(), `"from":"203.0.113.7"`); n != int(version)+1 {
			t.Errorf("version %d: it is not known who called: %s", version+1, trusting.log)
		}
		if _, err := strict.get("/v1/x", strictTrust, header); err == nil {
			t.Errorf("version %d: anybody may say who calls", version+1)
		}
	}
	trust = strictTrust
	if got, err := strict.get("/v1/x", trust, nil, "X-Forwarded-For", "203.0.113.7"); err != nil || got.status != 404 {
		t.Errorf("%d (%v)", got.status, err)
	}
	text := strict.log.String()
	if strings.Contains(text, "203.0.113.7") || !strings.Contains(text, `"from":"127.0.0.1"`) {
		t.Errorf("a header says who called: %s", text)
	}
}

func TestMachinesBehindOneProxyAreLimitedEachForItself(t *testing.T) {
	s, trust := serve(t, "behind-one", netip.MustParsePrefix("127.0.0.0/8"))
	failed := 0
	for i := range 60 { // twice what one network may fail; each has an address of its own
		from := &net.TCPAddr{IP: net.IPv4(203, 0, 113, byte(i)), Port: 4711}
		header := proxyproto.HeaderProxyFromAddrs(2, from, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443})
		shown := token.NewCredential(fmt.Sprintf("unknown%d-k3v9x2m1qab7c", i)).Reveal()
		got, err := s.get(protocol.ConfigPath, trust, header, "Authorization", "Bearer "+shown)
		if err != nil || got.status != 401 {
			failed++
		}
	}
	if failed > 0 {
		t.Errorf("%d of those with addresses of their own are limited as one", failed)
	}
}

func TestWhoIsSlowOrGreedyIsCutOff(t *testing.T) {
	s, trust := serve(t, "slow")
	greedy, err := s.get("/healthz", trust, nil, "X-Large", strings.Repeat("a", 9<<10))
	if err != nil || greedy.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("9 KiB of headers: %d (%v)", greedy.status, err)
	}
	if got, err := s.get("/healthz", trust, nil, "X-Large", strings.Repeat("a", 7<<10)); err != nil || got.status != 200 {
		t.Errorf("7 KiB of headers: %d (%v)", got.status, err)
	}
	slow, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: trust})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	if _, err := io.WriteString(slow, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	now := clock.RealClock{}
	began := now.Now()
	_ = slow.SetReadDeadline(began.Add(patience))
	if _, err := bufio.NewReader(slow).ReadByte(); err == nil {
		t.Error("half a request is answered")
	}
	if took := now.Since(began); took > 15*time.Second {
		t.Errorf("who sends half a request is cut off after %s", took)
	}
}

func TestAHeldRequestOutlivesTheServersDeadlines(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 17 s")
	}
	t.Parallel()
	s, trust := serve(t, "outlives")
	name := nameOf(t)
	givenMachine(t, name)
	credential := token.NewCredential(name)
	helper := startReplica(t, "outlives-2")
	if got := helper.register(t, name, credential); got.status != 200 {
		t.Fatal(got.body)
	}
	publish(t, name, 1)
	eventually(t, "there is a config", func() bool { return helper.poll(t, credential, "0s", "").status == 200 })
	got, err := s.get(protocol.ConfigPath+"?wait=17s", trust, nil, "Authorization", "Bearer "+credential.Reveal(),
		"If-None-Match", `"1-run"`)
	if err != nil || got.status != http.StatusNotModified {
		t.Errorf("%d %s (%v)", got.status, got.body, err)
	}
}
