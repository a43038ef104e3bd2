// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gatewayproc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// program is a program that runs.
type program struct {
	cmd   *exec.Cmd
	log   *logged
	ended chan struct{}
}

// process is a running gateway.
type process struct {
	program

	listen, url       string
	probes, metrics   string
	certFile, keyFile string
}

// logged is what a process has written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the log.
func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String is the log.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// launch starts a gateway, with these flags besides those that it needs, and waits until it is ready.
func launch(t *testing.T, flags ...string) (*process, *x509.CertPool) {
	t.Helper()
	p := newProcess(t)
	trust := p.writeCertificate(t)
	p.launch(t, flags...)
	return p, trust
}

// newProcess is a gateway that does not run, and has no certificate yet.
func newProcess(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	listen := freeAddress(t)
	return &process{
		listen: listen, url: "https://" + listen,
		certFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "tls.key"),
	}
}

// launch starts it, and waits until it is ready.
func (p *process) launch(t *testing.T, flags ...string) {
	t.Helper()
	probes, metrics := freeAddress(t), freeAddress(t)
	p.probes, p.metrics = "http://"+probes, "http://"+metrics
	p.start(t, shared.binary, append([]string{
		"--kubeconfig=" + shared.kubeconfig, "--delivery-namespace=open-spawn-delivery", "--listen=" + p.listen,
		"--tls-cert-file=" + p.certFile, "--tls-key-file=" + p.keyFile, "--health-probe-bind-address=" + probes,
		"--metrics-bind-address=" + metrics, "--name=of-a-test", "--log-level=debug",
	}, flags...))
	eventually(t, "the gateway is ready", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("it has ended: %s", p.log)
		default:
		}
		return ask(t, nil, p.probes+"/readyz", nil).status == http.StatusOK
	})
}

// start starts the program, which the test's end ends. Its log goes on where that of an earlier life has ended.
func (p *program) start(t *testing.T, path string, args []string) {
	t.Helper()
	if p.log == nil {
		p.log = &logged{}
	}
	cmd, ended := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...), make(chan struct{})
	cmd.Stdout, cmd.Stderr, cmd.Env = p.log, p.log, []string{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	p.cmd, p.ended = cmd, ended
}

// signal tells the program something.
func (p *program) signal(t *testing.T, what syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(what); err != nil {
		t.Fatal(err)
	}
}

// code waits for the end, and gives the exit code.
func (p *program) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("it does not end: %s", p.log)
	}
	return p.cmd.ProcessState.ExitCode()
}

// writeCertificate makes another certificate, and gives what trusts it and no other.
func (p *process) writeCertificate(t *testing.T) *x509.CertPool {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{p.keyFile: key, p.certFile: certificate} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
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

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.After(patience); !is(); {
		select {
		case <-end:
			t.Fatalf("it never comes true that %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// ask sends a request on a connection of its own: a POST if there is a body. Header is a list of names and values.
func ask(t *testing.T, trust *x509.CertPool, url string, body any, header ...string) reply {
	t.Helper()
	method := http.MethodPost
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if body == nil {
		method, content = http.MethodGet, nil
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12},
	}}
	response, err := client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(read), errors.Join(err, response.Body.Close())}
}

// String says what was answered, for people.
func (r reply) String() string { return fmt.Sprintf("%d %s (%v)", r.status, r.body, r.err) }
