// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const machine = "scout-k3v9x2m1qab7c"

func TestASecretSaysWhatWasWritten(t *testing.T) {
	hash := token.NewRegistration([]byte("key"), machine).Hash()
	m := &delivery.Machine{
		Namespace: "desk", Bot: "scout", InstanceID: 7, Addresses: []string{"203.0.113.7"}, Run: true,
		Registration:    &delivery.Registration{SHA256: hash.String(), NotAfter: time.Unix(1e9, 0).UTC()},
		IntervalSeconds: 30, GraceSeconds: 150, AgentSHA256: map[string]string{"amd64": "ab"},
		OpenClawSHA256: map[string]map[string]string{"2026.9.6": {"amd64": "cd"}},
		Gateways:       []string{"https://gateway.example"}, GatewayCA: "pem",
	}
	c := &delivery.Content{Version: 3, Config: json.RawMessage(`{"a":1}`), Sealed: []byte{1, 2}, Hash: "h"}
	secret := &corev1.Secret{ObjectMeta: delivery.ObjectMeta("ns", machine, "desk", "scout")}
	if err := delivery.Write(secret, m, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := delivery.ReadContent(secret); !errors.Is(err, delivery.ErrNoContent) {
		t.Errorf("no content reads as %v", err)
	}
	if err := delivery.Write(secret, m, c); err != nil {
		t.Fatal(err)
	}
	if got, err := delivery.ReadMachine(secret); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("machine %+v (%v)", got, err)
	}
	if got, err := delivery.ReadContent(secret); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("content %+v (%v)", got, err)
	}
	if !m.Registration.Hash().Equal(hash) {
		t.Error("the token's hash is another")
	}
	var none *delivery.Registration
	if !none.Hash().IsZero() || !(&delivery.Registration{SHA256: "x"}).Hash().IsZero() {
		t.Error("what is no hash is one")
	}
	sent := c.For(true)
	if sent.Version != 3 || !sent.Run || string(sent.Content) != `{"a":1}` {
		t.Errorf("a machine is given %+v", sent)
	}
}

func TestALeaseSaysWhatWasWritten(t *testing.T) {
	p := &delivery.Presence{
		Credential: token.NewCredential(machine).Hash(), Next: token.NewCredential(machine).Hash(), SealKey: "key",
		Facts:     protocol.Heartbeat{InstanceID: 7, BootID: "boot", AppliedConfig: 3},
		PastBoots: []string{"boot-1", "boot-2"}, ReceivedBy: "gateway-1", Conflicts: 2,
		Renewed: time.Unix(1e9, 5000).UTC(), Duration: 180 * time.Second,
	}
	lease := &coordinationv1.Lease{ObjectMeta: delivery.ObjectMeta("ns", machine, "desk", "scout")}
	for range 2 {
		if err := p.WriteTo(lease); err != nil {
			t.Fatal(err)
		}
		if got, err := delivery.ReadPresence(lease); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("presence %+v (%v), want %+v", got, err, p)
		}
		p.Next, p.PastBoots, p.Conflicts = token.Hash{}, nil, 0 // the next one was used
	}
}

func TestAGatewaysLeaseSaysWhatWasWritten(t *testing.T) {
	g := delivery.Gateway{Name: "gateway-1", Serves: 7, Renewed: time.Unix(1e9, 5000).UTC()}
	lease := &coordinationv1.Lease{}
	if delivery.IsGateway(lease) {
		t.Error("any Lease is a gateway's")
	}
	g.WriteTo(lease)
	if got := delivery.ReadGateway(lease); got != g || !delivery.IsGateway(lease) {
		t.Errorf("gateway %+v, want %+v", got, g)
	}
	if name := g.LeaseName(); name != "gateway.gateway-1" {
		t.Errorf("its Lease is %s", name)
	}
}

func TestWhatIsBrokenIsSaid(t *testing.T) {
	if _, err := delivery.ReadMachine(&corev1.Secret{}); err == nil {
		t.Error("an empty Secret is a machine")
	}
	if _, err := delivery.ReadContent(&corev1.Secret{Data: map[string][]byte{"config.json": []byte("{")}}); err == nil {
		t.Error("half an object is content")
	}
	lease := &coordinationv1.Lease{}
	if _, err := delivery.ReadPresence(lease); err == nil {
		t.Error("an empty Lease is a presence")
	}
	good := &delivery.Presence{Credential: token.NewCredential(machine).Hash()}
	for _, key := range []string{"credential-sha256", "next-credential-sha256", "facts"} {
		if err := good.WriteTo(lease); err != nil {
			t.Fatal(err)
		}
		lease.Annotations["spawn.cedros.io/"+key] = "{"
		if _, err := delivery.ReadPresence(lease); err == nil {
			t.Errorf("%s may be anything", key)
		}
	}
}

func TestNewsIsWhatSomebodyActsOn(t *testing.T) {
	const gib = 1 << 30
	before := protocol.Heartbeat{
		OpenClaw: protocol.OpenClaw{Running: true, Healthy: true, Version: "2026.9.6"},
		Channels: []protocol.ChannelState{{Type: "Telegram", Connected: true}},
		Disk:     protocol.Space{TotalBytes: 25 * gib, FreeBytes: 10 * gib},

		Bootstrap: &protocol.BootstrapStep{Name: "runtime"},
	}
	for name, test := range map[string]struct {
		change func(*protocol.Heartbeat)
		isNews bool
	}{
		"nothing":               {func(*protocol.Heartbeat) {}, false},
		"room":                  {func(h *protocol.Heartbeat) { h.Disk.FreeBytes, h.Memory.FreeBytes = 3*gib, 7 }, false},
		"little room":           {func(h *protocol.Heartbeat) { h.Disk.FreeBytes = 25 * gib * 7 / 100 }, true},
		"no room":               {func(h *protocol.Heartbeat) { h.Disk.FreeBytes = gib }, true},
		"words of a step":       {func(h *protocol.Heartbeat) { h.Bootstrap.Message = "50 %" }, false},
		"a step that fails":     {func(h *protocol.Heartbeat) { h.Bootstrap.Failed = true }, true},
		"words of a channel":    {func(h *protocol.Heartbeat) { h.Channels[0].Message = "polled" }, false},
		"a channel that breaks": {func(h *protocol.Heartbeat) { h.Channels[0].Connected = false }, true},
		"no channels any more":  {func(h *protocol.Heartbeat) { h.Channels = nil }, true},
		"another version":       {func(h *protocol.Heartbeat) { h.OpenClaw.Version = "2026.9.7" }, true},
	} {
		after := before
		after.Channels = slices.Clone(before.Channels)
		step := *before.Bootstrap
		after.Bootstrap = &step
		test.change(&after)
		was, is := delivery.Presence{Facts: before}, delivery.Presence{Facts: after}
		if got := was.News() != is.News(); got != test.isNews {
			t.Errorf("%s: it is news: %v", name, got)
		}
	}
}

func TestADiskOfWhichNothingIsKnownHasRoom(t *testing.T) {
	for disk, want := range map[protocol.Space]delivery.DiskLevel{
		{}: delivery.DiskRoomy, {TotalBytes: 100}: delivery.DiskFull, {TotalBytes: 100, FreeBytes: 4}: delivery.DiskFull,
		{TotalBytes: 100, FreeBytes: 5}: delivery.DiskLow, {TotalBytes: 100, FreeBytes: 7}: delivery.DiskLow,
		{TotalBytes: 100, FreeBytes: 8}: delivery.DiskRoomy, {TotalBytes: 100, FreeBytes: 101}: delivery.DiskRoomy,
		{TotalBytes: 100, FreeBytes: -1}: delivery.DiskRoomy, {FreeBytes: 7}: delivery.DiskRoomy,
	} {
		if got := delivery.LevelOf(disk); got != want {
			t.Errorf("%+v is %d, want %d", disk, got, want)
		}
	}
}
