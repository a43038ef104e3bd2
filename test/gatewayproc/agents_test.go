// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gatewayproc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// interval is that of the heartbeats: agents do not beat more often.
	interval = 2
	// canary is a secret that is in every config.
	canary = "sk-canary-of-a-model"
)

// station is a machine on which an agent runs, as a process of its own, with a stand-in for the runtime.
type station struct {
	program

	name, dir    string
	registration token.Token
	// told and content are what its delivery Secret says.
	told    delivery.Machine
	content *delivery.Content
}

// fleet is many of them.
type fleet struct {
	t        *testing.T
	stations []*station
}

// givenFleet starts agents that know one gateway, and the CA of its certificate.
func givenFleet(t *testing.T, size int, p *process, ca *authority) *fleet {
	t.Helper()
	f := &fleet{t: t}
	for i := range size {
		name := fmt.Sprintf("rotates%d-k3v9x2m1qab7c", i)
		s := &station{
			name: name, dir: t.TempDir(), registration: token.NewRegistration([]byte("the key of the fleet"), name),
		}
		s.told = delivery.Machine{
			Namespace: "desk", Bot: "scout", InstanceID: instance + int64(i), Run: true,
			IntervalSeconds: interval, GraceSeconds: 75 * interval,
			Registration: &delivery.Registration{
				SHA256: s.registration.Hash().String(), NotAfter: clock.RealClock{}.Now().Add(time.Hour),
			},
		}
		create(t, s.secret(t))
		s.configure(t, p.url, ca.pem)
		f.stations = append(f.stations, s)
		s.run(t)
	}
	return f
}

// configure writes the agent's configuration, as user data does.
func (s *station) configure(t *testing.T, gateway, ca string) {
	t.Helper()
	content, err := yaml.Marshal(map[string]any{
		"machine": s.name, "gateways": []string{gateway}, "gatewayCA": ca, "registrationToken": s.registration.Reveal(),
		"instanceID": s.told.InstanceID, "stateDirectory": filepath.Join(s.dir, "state"),
		"runtime": map[string]any{
			"command": "/bin/sleep", "args": []string{"86400"}, "directory": filepath.Join(s.dir, "runtime"),
			"healthyAfterSeconds": 1, "restartSeconds": 1,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "config.yaml"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *station) run(t *testing.T) {
	t.Helper()
	s.start(t, shared.agent, []string{"--config", filepath.Join(s.dir, "config.yaml")})
}

// secret is the delivery Secret.
func (s *station) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: delivery.ObjectMeta(delivery.Namespace, s.name, "desk", "scout")}
	if err := delivery.Write(secret, &s.told, s.content); err != nil {
		t.Fatal(err)
	}
	return secret
}

// routes are the gateways that the agent has on its disk.
func (s *station) routes(t *testing.T) (routes state.Routes) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "state", "routes.json"))
	if os.IsNotExist(err) {
		return routes
	}
	_, body, _ := strings.Cut(string(content), "\n") // after its digest
	if err == nil {
		err = json.Unmarshal([]byte(body), &routes)
	}
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

// stop ends the agents as systemd does, and their runtimes with them.
func (f *fleet) stop() {
	f.t.Helper()
	for _, s := range f.stations {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, s := range f.stations {
		if code := s.code(f.t); code != 0 {
			f.t.Errorf("%s ends with %d: %s", s.name, code, lastOf(s.log))
		}
	}
}

// crash kills some agents, one in ten, and starts them again.
func (f *fleet) crash(which int) {
	f.t.Helper()
	for i := which; i < len(f.stations); i += 10 {
		f.stations[i].signal(f.t, syscall.SIGKILL)
		<-f.stations[i].ended
		f.stations[i].run(f.t)
	}
}

// tell changes what all delivery Secrets say.
func (f *fleet) tell(change func(*station)) {
	f.t.Helper()
	secrets := shared.kube.CoreV1().Secrets(delivery.Namespace)
	for _, s := range f.stations {
		change(s)
		if _, err := secrets.Update(f.t.Context(), s.secret(f.t), metav1.UpdateOptions{}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// edit is one more version of everybody's config, sealed to the key that each has registered with.
func (f *fleet) edit(version int64) {
	f.t.Helper()
	leases := f.presences()
	f.tell(func(s *station) {
		key, err := seal.ParsePublicKey(leases[s.name].SealKey)
		if err != nil {
			f.t.Fatal(err)
		}
		config := json.RawMessage(fmt.Sprintf(`{"name":"scout","edit":%d}`, version))
		sealed, err := key.Seal(protocol.SealContext(s.name, version, config), []byte(`{"credential/KEY":"`+canary+`"}`))
		if err != nil {
			f.t.Fatal(err)
		}
		s.content = &delivery.Content{Version: version, Config: config, Sealed: sealed, SealedTo: key.String()}
	})
	f.until(fmt.Sprintf("config %d is applied", version), func(s *station, p *delivery.Presence) bool {
		placed, err := os.ReadFile(filepath.Join(s.dir, "runtime", "config.json"))
		r := p.Facts.Result
		return p.Facts.AppliedConfig == version && r != nil && r.Applied && p.Facts.OpenClaw.Healthy &&
			err == nil && string(placed) == string(s.content.Config)
	})
}

// presences are what the Leases say, by machine.
func (f *fleet) presences() map[string]*delivery.Presence {
	f.t.Helper()
	leases, err := shared.kube.CoordinationV1().Leases(delivery.Namespace).List(f.t.Context(), metav1.ListOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	all := map[string]*delivery.Presence{}
	for i := range leases.Items {
		if delivery.IsGateway(&leases.Items[i]) {
			continue
		}
		p, err := delivery.ReadPresence(&leases.Items[i])
		if err != nil {
			f.t.Fatal(err)
		}
		all[leases.Items[i].Name] = p
	}
	return all
}

// until waits until something is so of every machine, whose Leases are looked at a few times in a second.
func (f *fleet) until(what string, is func(*station, *delivery.Presence) bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	began := clock.RealClock{}.Now()
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		leases := f.presences()
		var missing []*station
		for _, s := range f.stations {
			if p := leases[s.name]; p == nil || !is(s, p) {
				missing = append(missing, s)
			}
		}
		if len(missing) == 0 {
			f.t.Logf("%s: all %d after %s", what, len(f.stations), clock.RealClock{}.Since(began).Round(time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			f.t.Fatalf("of %d agents %d are lost, for it never comes true that %s; %s: %s", len(f.stations), len(missing),
				what, missing[0].name, lastOf(missing[0].log))
		case <-tick.C:
		}
	}
}

// untilBeating waits until everybody has beaten once more, at the gateway of that name.
func (f *fleet) untilBeating(gateway string) {
	f.t.Helper()
	mark := clock.RealClock{}.Now()
	f.until("it goes on beating at the "+gateway+" gateway", func(_ *station, p *delivery.Presence) bool {
		return p.ReceivedBy == gateway && p.Renewed.After(mark)
	})
}

// untilStored waits until everybody has it on the disk that these are the gateways, and what proves them.
func (f *fleet) untilStored(gateways []string, ca string) {
	f.t.Helper()
	f.until("the new way is on the disk", func(s *station, _ *delivery.Presence) bool {
		newest := s.routes(f.t).Newest
		return newest.CA == ca && strings.Join(newest.URLs, " ") == strings.Join(gateways, " ")
	})
}

// lastOf are the last lines of a log.
func lastOf(log *logged) string {
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-4):], "\n")
}
