// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

func TestWhatAMachineSaysIsInItsLease(t *testing.T) {
	r := startReplica(t, "says")
	name := nameOf(t)
	credential := givenRegistered(t, r, name, func(m *delivery.Machine) {
		m.AgentSHA256 = map[string]string{"amd64": strings.Repeat("ab", 32)}
		m.OpenClawSHA256 = map[string]map[string]string{"2026.9.6": m.AgentSHA256}
		m.Gateways, m.GatewayCA = []string{"https://g.example"}, "pem"
	})
	orders := r.beat(t, credential)
	if !orders.Run || orders.NextHeartbeatSeconds != 30 || len(orders.AgentSHA256) != 1 ||
		len(orders.OpenClawSHA256["2026.9.6"]) != 1 || len(orders.Gateways) != 1 ||
		orders.GatewayCA != "pem" || orders.ConfigVersion != 0 {
		t.Errorf("orders %+v", orders)
	}
	r.beat(t, credential, func(h *protocol.Heartbeat) {
		h.AppliedConfig, h.OpenClaw = 4, protocol.OpenClaw{Running: true, Message: strings.Repeat("ü", 2000)}
	})
	eventually(t, "what is new is in the Lease", func() bool { return presenceOf(t, name).Facts.AppliedConfig == 4 })
	p := presenceOf(t, name)
	if len(p.Facts.OpenClaw.Message) != 2048 || p.Duration.Seconds() != 180 || p.ReceivedBy != "says" {
		t.Errorf("the Lease says %+v", p)
	}
	version := leaseOf(t, name).ResourceVersion
	for range 5 {
		r.beat(t, credential, func(h *protocol.Heartbeat) {
			h.AppliedConfig, h.OpenClaw, h.Disk.FreeBytes = 4, p.Facts.OpenClaw, 1
		})
	}
	if now := leaseOf(t, name).ResourceVersion; now != version {
		t.Error("the Lease is written though nothing is new")
	}
	r.beat(t, credential, func(h *protocol.Heartbeat) {
		h.AppliedConfig, h.OpenClaw = 4, p.Facts.OpenClaw
		for range 12 {
			h.Channels = append(h.Channels, protocol.ChannelState{
				Type: strings.Repeat("T", 64), Message: strings.Repeat("ü", 300),
			})
		}
	})
	eventually(t, "channels are in the Lease", func() bool { return presenceOf(t, name).Facts.Channels != nil })
	channels := presenceOf(t, name).Facts.Channels
	if len(channels) != 8 || len(channels[0].Type) != 64 || len(channels[0].Message) != 512 {
		t.Errorf("%d channels, the first of them %+v", len(channels), channels[0])
	}
	disk := protocol.Space{TotalBytes: 100, FreeBytes: 50}
	for _, free := range []int64{50, 2} {
		r.beat(t, credential, func(h *protocol.Heartbeat) {
			disk.FreeBytes = free
			h.AppliedConfig, h.OpenClaw, h.Channels, h.Disk = 4, p.Facts.OpenClaw, channels, disk
		})
		eventually(t, "the disk is in the Lease", func() bool { return presenceOf(t, name).Facts.Disk == disk })
	}
}

func TestOnlyTheRecordedInstanceAndItsNewestBootRun(t *testing.T) {
	one, other := startReplica(t, "boots-1"), startReplica(t, "boots-2")
	name := nameOf(t)
	credential := givenRegistered(t, one, name)
	boot := func(id string) func(*protocol.Heartbeat) { return func(h *protocol.Heartbeat) { h.BootID = id } }
	if !one.beat(t, credential, boot("first")).Run || !other.beat(t, credential, boot("first")).Run {
		t.Fatal("the first boot does not run")
	}
	if !other.beat(t, credential, boot("second")).Run {
		t.Error("the second boot does not run")
	}
	eventually(t, "all know of the second boot", func() bool { return !one.beat(t, credential, boot("first")).Run })
	if !one.beat(t, credential, boot("second")).Run {
		t.Error("the second boot does not run any more")
	}
	if p := presenceOf(t, name); p.Facts.BootID != "second" || !slices.Equal(p.PastBoots, []string{"first"}) {
		t.Errorf("boot %s after %v", p.Facts.BootID, p.PastBoots)
	}
	version := leaseOf(t, name).ResourceVersion
	copied := func(h *protocol.Heartbeat) { h.InstanceID, h.BootID, h.AppliedConfig = 8, "copied", 9 }
	if one.beat(t, credential, copied).Run {
		t.Error("a machine with a copied disk runs")
	}
	if now := leaseOf(t, name).ResourceVersion; now != version {
		t.Error("a machine with a copied disk speaks for the other")
	}
	tell(t, name, func(m *delivery.Machine) *delivery.Content {
		m.Run = false
		return nil
	})
	eventually(t, "it is told to stop", func() bool { return !one.beat(t, credential, boot("second")).Run })
}

func TestALargeFleetIsToldToBeatLessOften(t *testing.T) {
	r := startReplica(t, "paced", func(o *gateway.Options) { o.LeaseWritesPerSecond = 0.01 })
	credential := givenRegistered(t, r, nameOf(t))
	eventually(t, "the pace is that of the budget", func() bool {
		return r.beat(t, credential).NextHeartbeatSeconds >= 100
	})
}

func TestACredentialIsReplacedWhenTheNewOneIsUsed(t *testing.T) {
	one, other := startReplica(t, "rotates-1"), startReplica(t, "rotates-2")
	name := nameOf(t)
	old := givenRegistered(t, one, name)
	fresh := token.NewCredential(name)
	asks := protocol.Rotation{CredentialSHA256: fresh.Hash().String()}
	for _, r := range []*replica{one, other} {
		if got := r.call(t, http.MethodPost, protocol.CredentialPath, asks, bearer(old)...); got.status != 204 {
			t.Fatalf("rotating: %d %s", got.status, got.body)
		}
	}
	if !one.beat(t, old).Run || !other.beat(t, old).Run {
		t.Error("the old credential is good no more")
	}
	if !other.beat(t, fresh).Run || !one.beat(t, fresh).Run {
		t.Error("the new credential is not good")
	}
	for _, r := range []*replica{one, other} {
		eventually(t, "the old credential is dead", func() bool {
			return r.call(t, http.MethodPost, protocol.HeartbeatPath, "{}", bearer(old)...).status == 401
		})
	}
	if p := presenceOf(t, name); !p.Credential.Equal(fresh.Hash()) || !p.Next.IsZero() {
		t.Error("the Lease does not have the new one alone")
	}
	got := one.call(t, http.MethodPost, protocol.CredentialPath, protocol.Rotation{}, bearer(fresh)...)
	if got.status != 400 {
		t.Errorf("no hash: %d %s", got.status, got.body)
	}
}

func TestWhoIsNotKnownIsRefusedEverywhere(t *testing.T) {
	r := startReplica(t, "denies")
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	unregistered := "never-k3v9x2m1qab7c"
	givenMachine(t, unregistered)
	for path, method := range map[string]string{
		protocol.HeartbeatPath: "POST", protocol.ConfigPath: "GET", protocol.CredentialPath: "POST",
	} {
		bodies := map[string]bool{}
		for what, header := range map[string][]string{
			"nothing":              nil,
			"another credential":   bearer(token.NewCredential(name)),
			"one of nobody":        bearer(token.NewCredential("nobody-k3v9x2m1qab7c")),
			"one before the Lease": bearer(token.NewCredential(unregistered)),
			"a registration token": bearer(token.NewRegistration(fleetKey, name)),
		} {
			got := r.call(t, method, path, "{}", header...)
			if bodies[withoutID(got.body)] = true; got.status != 401 || got.problem() != protocol.CodeUnauthorized {
				t.Errorf("%s with %s: %d %s", path, what, got.status, got.body)
			}
		}
		if len(bodies) != 1 {
			t.Errorf("%s: several bodies %v", path, bodies)
		}
	}
	for path, method := range map[string]string{
		"/": "GET", "/v1": "GET", "/v1/config/": "GET", "//v1/config": "GET", "/v1/../v1/config": "GET",
		"/agent/sha256/": "GET", "/agent/sha256/../../etc/passwd": "GET", "/metrics": "GET", "/agent/sha256": "GET",
	} {
		if got := r.call(t, method, path, nil, bearer(credential)...); got.status != 404 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := r.call(t, "GET", protocol.RegisterPath, nil); got.status != 405 || got.problem() != "method_not_allowed" {
		t.Errorf("another method: %d %s", got.status, got.body)
	}
}

func TestABodyThatIsNone(t *testing.T) {
	r := startReplica(t, "bodies")
	credential := givenRegistered(t, r, nameOf(t))
	const whole = `{"instanceID":7,"bootID":"b","agentVersion":"v1","appliedConfig":0,"openclaw":{"running":true,` +
		`"healthy":true},"disk":{"totalBytes":1,"freeBytes":1},"memory":{"totalBytes":1,"freeBytes":1},"later":{"x":1}}`
	for what, test := range map[string]struct {
		body   string
		status int
	}{
		"nothing": {"", 400}, "garbage": {"{", 400}, "two values": {"{} {}", 400}, "an array": {"[]", 400},
		"no boot": {`{"instanceID":7}`, 400}, "a boot with a comma": {`{"instanceID":7,"bootID":"a,b"}`, 400},
		"too much":        {`{"bootID":"` + strings.Repeat("a", protocol.MaxBodyBytes) + `"}`, 413},
		"unknown fields":  {whole, 200},
		"a wrong type":    {`{"instanceID":"7","bootID":"b"}`, 400},
		"a large integer": {`{"instanceID":99999999999999999999,"bootID":"b"}`, 400},
	} {
		got := r.call(t, http.MethodPost, protocol.HeartbeatPath, test.body, bearer(credential)...)
		if got.status != test.status {
			t.Errorf("%s: %d %s, want %d", what, got.status, got.body, test.status)
		}
	}
}

func TestAMachineThatAsksTooOftenIsToldWhen(t *testing.T) {
	r := startReplica(t, "often")
	credential, other := givenRegistered(t, r, nameOf(t)), givenRegistered(t, r, "calm-k3v9x2m1qab7c")
	refused := 0
	for range 80 {
		got := r.call(t, http.MethodPost, protocol.HeartbeatPath, "{}", bearer(credential)...)
		if got.status == 429 && got.header.Get("Retry-After") != "" {
			refused++
		}
	}
	if refused == 0 || refused > 20 {
		t.Errorf("%d of 80 are refused", refused)
	}
	if !r.beat(t, other).Run {
		t.Error("another is refused for it")
	}
	wrong := map[int]int{}
	for range 40 {
		wrong[r.call(t, "POST", protocol.HeartbeatPath, "{}", bearer(token.NewCredential("x-y"))...).status]++
	}
	if wrong[401] < 30 || wrong[401]+wrong[429] != 40 || wrong[429] == 0 {
		t.Errorf("wrong credentials are answered %v", wrong)
	}
	if !r.beat(t, other).Run {
		t.Error("who is known is refused because others in his network are wrong")
	}
}
