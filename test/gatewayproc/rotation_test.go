// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gatewayproc

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/token"
)

const fleetSize = 50

// TestCAAndURLRotateAndNoAgentIsLost: the fleet is led from one CA to another, from one gateway to another, and twice
// astray, while agents crash. Each step waits until every one of them beats.
func TestCAAndURLRotateAndNoAgentIsLost(t *testing.T) {
	before, after := newAuthority(t, "before"), newAuthority(t, "after")
	first := givenGateway(t, "first", before)
	f := givenFleet(t, fleetSize, first, before)
	defer f.stop()
	registered := credentials(f)
	f.edit(1)

	rotateCA(t, f, first, before, after)
	second := rotateURL(t, f, first, after)
	goAstray(t, f, second, after)

	f.edit(2)
	for name, credential := range credentials(f) {
		if registered[name] != credential {
			t.Errorf("%s has another credential than it registered with", name)
		}
	}
	wantSilentLogs(t, f, first, second)
}

// rotateCA follows docs/gateway.md.
func rotateCA(t *testing.T, f *fleet, p *process, before, after *authority) {
	t.Helper()
	both := before.pem + after.pem
	f.tell(func(s *station) { s.told.GatewayCA = both })
	f.crash(0) // some are told in another life
	f.untilStored([]string{p.url}, both)

	after.certify(t, p)
	eventually(t, "the certificate of the other CA is served", func() bool {
		return ask(t, after.pool(), p.url+"/healthz", nil).status == 200
	})
	f.crash(1) // these have but what is on their disks: their configuration does not know the CA
	f.untilBeating("first")

	f.tell(func(s *station) { s.told.GatewayCA = after.pem })
	f.untilStored([]string{p.url}, after.pem)
	f.untilBeating("first") // on new connections, all of them
}

// rotateURL follows it too.
func rotateURL(t *testing.T, f *fleet, from *process, ca *authority) *process {
	t.Helper()
	to := givenGateway(t, "second", ca)
	f.tell(func(s *station) { s.told.Gateways = []string{to.url, from.url} })
	f.crash(2)
	f.untilStored([]string{to.url, from.url}, ca.pem)
	f.tell(func(s *station) { s.told.Gateways = []string{to.url} })
	f.untilStored([]string{to.url}, ca.pem)
	from.signal(t, syscall.SIGTERM)
	if code := from.code(t); code != 0 {
		t.Errorf("the first gateway ends with %d: %s", code, lastOf(from.log))
	}
	f.crash(3) // their configuration names nothing that is still there
	f.untilBeating("second")
	return to
}

// goAstray leads the fleet to where nobody answers, then to what is not proven, and then back. All the while it must
// come back by the way that worked: not the newest, nor the one before that, nor the one that is configured.
func goAstray(t *testing.T, f *fleet, p *process, ca *authority) {
	t.Helper()
	wrong := newAuthority(t, "wrong")
	nowhere := []string{"https://" + freeAddress(t), "https://" + silentAddress(t)}
	f.tell(func(s *station) { s.told.Gateways = nowhere })
	f.untilStored(nowhere, ca.pem)
	f.crash(4)
	f.untilBeating("second")

	f.tell(func(s *station) { s.told.Gateways, s.told.GatewayCA = []string{p.url}, wrong.pem })
	f.untilStored([]string{p.url}, wrong.pem)
	f.crash(5)
	f.untilBeating("second")

	f.tell(func(s *station) { s.told.GatewayCA = ca.pem })
	f.untilStored([]string{p.url}, ca.pem)
	f.untilBeating("second")
}

// givenGateway is a gateway of a name, with a certificate of an authority.
func givenGateway(t *testing.T, name string, ca *authority) *process {
	t.Helper()
	p := newProcess(t)
	ca.certify(t, p)
	p.launch(t, "--name="+name, "--lease-writes-per-second=200", "--drain-delay=1s")
	return p
}

// silentAddress takes connections and says nothing.
func silentAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// credentials are the hashes of those that the gateways know.
func credentials(f *fleet) map[string]token.Hash {
	f.t.Helper()
	hashes := map[string]token.Hash{}
	f.until("there is one credential, and nobody has tried another", func(s *station, p *delivery.Presence) bool {
		hashes[s.name] = p.Credential
		return p.Next.IsZero() && p.Conflicts == 0
	})
	return hashes
}

// wantSilentLogs looks for secrets in what all have said.
func wantSilentLogs(t *testing.T, f *fleet, gateways ...*process) {
	t.Helper()
	told := map[string]string{}
	for _, s := range f.stations {
		told[s.name] = s.log.String()
		if n := strings.Count(told[s.name], "the machine has registered"); n != 1 {
			t.Errorf("%s has registered %d times", s.name, n)
		}
	}
	for _, p := range gateways {
		told[p.url] = p.log.String()
	}
	for who, log := range told {
		for _, secret := range []string{canary, "osr1.rotates", "osc1.rotates"} {
			if strings.Contains(log, secret) {
				t.Errorf("%s tells %s", who, secret)
			}
		}
	}
}
