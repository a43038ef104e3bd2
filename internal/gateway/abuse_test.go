// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

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
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// perMinute is how much of what is wrong one network may do, and how much of it is logged, in a minute.
const perMinute = 30

// post sends a body over TLS, on a connection of its own, which a proxy may say whose it is.
func (s *served) post(path string, trust *x509.CertPool, header *proxyproto.Header, body any, more ...string) reply {
	content, isText := body.(string)
	if !isText {
		marshalled, err := json.Marshal(body)
		if err != nil {
			return reply{err: err}
		}
		content = string(marshalled)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil && header != nil {
				_, err = header.WriteTo(connection)
			}
			return connection, err
		},
	}}
	request, err := http.NewRequest(http.MethodPost, "https://"+s.address+path, strings.NewReader(content))
	if err != nil {
		return reply{err: err}
	}
	for i := 0; i+1 < len(more); i += 2 {
		request.Header.Set(more[i], more[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(read), err}
}

// several does something n times, a few at once.
func several(n, atOnce int, do func(i int)) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

func TestThreeHundredMachinesRegisterThroughOneProxy(t *testing.T) {
	s, trust := serve(t, "three-hundred", netip.MustParsePrefix("127.0.0.0/8"))
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprintf("proxied%d-k3v9x2m1qab7c", i)
		givenMachine(t, names[i], func(m *delivery.Machine) { m.Addresses = []string{addressOf(i).String()} })
	}
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}
	several(len(names), 8, func(i int) {
		version := byte(1 + i%2)
		header := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: addressOf(i), Port: 4711}, local)
		got := s.post(protocol.RegisterPath, trust, header, registration(token.NewCredential(names[i])),
			bearer(token.NewRegistration(fleetKey, names[i]))...)
		if got.status != http.StatusOK {
			t.Errorf("number %d, by version %d: %d %s (%v)", i, version, got.status, got.body, got.err)
		}
	})
}

func addressOf(i int) net.IP { return net.IPv4(203, 0, byte(113+i/250), byte(1+i%250)) }

func TestThreeHundredWrongTokensOfOneNetworkAreLimited(t *testing.T) {
	log := &logged{}
	r := startReplica(t, "wrong-tokens", func(o *gateway.Options) {
		o.Clock, o.Logger = clocktesting.NewFakeClock(clockNow()), zap.New(zap.WriteTo(log)) // no time passes
	})
	name := nameOf(t)
	givenMachine(t, name)
	statuses := map[int]int{}
	for i := range 300 {
		wrong := token.NewRegistration([]byte(fmt.Sprintf("key %d", i)), name)
		got := r.call(t, http.MethodPost, protocol.RegisterPath, registration(token.NewCredential(name)),
			append(bearer(wrong), "X-Forwarded-For", addressOf(i).String(), "Forwarded", "for="+addressOf(i).String(),
				"X-Real-Ip", addressOf(i).String())...)
		statuses[got.status]++
		if (got.header.Get("Retry-After") != "") != (got.status == http.StatusTooManyRequests) {
			t.Errorf("number %d: %d with Retry-After %q", i, got.status, got.header.Get("Retry-After"))
		}
	}
	if statuses[401] != perMinute || statuses[429] != 300-perMinute {
		t.Errorf("they are answered %v", statuses)
	}
	if lines := strings.Count(log.String(), `"call":"register"`); lines != perMinute {
		t.Errorf("of 300 refusals %d are logged", lines)
	}
	if strings.Contains(log.String(), "203.0.") {
		t.Errorf("a header says who called: %s", log)
	}
}

// TestAbuseOfOneKindAndAnotherLeavesOthersAlone: while connections send a byte at a time, and one network sends all
// that is wrong at once, machines are answered.
func TestAbuseOfOneKindAndAnotherLeavesOthersAlone(t *testing.T) {
	s, trust := serve(t, "abused", netip.MustParsePrefix("127.0.0.0/8"))
	helper := startReplica(t, "abused-2")
	credentials := make([]token.Token, 4)
	for i := range credentials {
		credentials[i] = givenRegistered(t, helper, fmt.Sprintf("unharmed%d-k3v9x2m1qab7c", i))
	}
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}
	abuser := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(198, 51, 100, 9), Port: 4711}, local)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := sendSlowly(s.address, trust, abuser); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		several(200, 100, func(i int) {
			wrong := token.NewRegistration([]byte("another key"), "unharmed0-k3v9x2m1qab7c")
			body := []string{"{", strings.Repeat("a", protocol.MaxBodyBytes+1), "\x00\xff", "[]"}[i%4]
			path := []string{protocol.RegisterPath, protocol.RegisterPath, protocol.HeartbeatPath, "/nowhere"}[i%4]
			got := s.post(path, trust, abuser, body, bearer(wrong)...)
			if got.err == nil && (got.status < 400 || got.header.Get("Content-Type") != protocol.ProblemType) {
				t.Errorf("%s is answered %d %s", path, got.status, got.body)
			}
		})
	})
	h := protocol.Heartbeat{InstanceID: instance, BootID: "boot-1", AgentVersion: "v1.0.0"}
	several(4*perMinute, len(credentials), func(i int) {
		from := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: addressOf(i % 4), Port: 4711}, local)
		if got := s.post(protocol.HeartbeatPath, trust, from, h, bearer(credentials[i%4])...); got.status != http.StatusOK {
			t.Errorf("a heartbeat meanwhile: %d %s (%v)", got.status, got.body, got.err)
		}
	})
	all.Wait()
	if lines := strings.Count(s.log.String(), `"from":"198.51.100.9"`); lines == 0 || lines > 2*perMinute {
		t.Errorf("the abuser has %d lines in the log", lines)
	}
}

// sendSlowly begins a request that it does not end, a byte at a time, and fails unless it is cut off.
func sendSlowly(address string, trust *x509.CertPool, header *proxyproto.Header) error {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	if _, err := header.WriteTo(raw); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(address)
	slow := tls.Client(raw, &tls.Config{RootCAs: trust, ServerName: host, MinVersion: tls.VersionTLS12})
	done := make(chan struct{})
	defer close(done)
	if _, err := io.WriteString(slow, "GET /healthz HTTP/1.1\r\nX: "); err != nil {
		return err
	}
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_, _ = slow.Write([]byte("a"))
			}
		}
	}()
	_ = slow.SetReadDeadline(clockNow().Add(patience))
	answer, err := io.ReadAll(slow)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("who sends a byte at a time is never cut off")
	case bytes.Contains(answer, []byte("200 OK")):
		return errors.New("half a request is answered")
	}
	return nil
}
