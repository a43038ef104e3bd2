// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery_test

import (
	"encoding/json"
	"errors"
	"reflect"
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
		Gateways: []string{"https://gateway.example"}, GatewayCA: "pem",
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
