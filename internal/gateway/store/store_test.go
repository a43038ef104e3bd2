// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/token"
)

const machine = "scout-k3v9x2m1qab7c"

// newStore is one that is told by hand what is seen.
func newStore() (*Store, *clocktesting.FakeClock) {
	now := clocktesting.NewFakeClock(time.Unix(1e9, 0))
	return &Store{
		o:       Options{Clock: now, Logger: logr.Discard()},
		secrets: map[string]*secret{}, leases: map[string]*lease{}, gateways: map[string]gateway{},
		watchers: map[string]map[chan struct{}]bool{},
	}, now
}

func leaseRenewed(t *testing.T, at time.Time) *coordinationv1.Lease {
	t.Helper()
	object := &coordinationv1.Lease{ObjectMeta: delivery.ObjectMeta("ns", machine, "desk", "scout")}
	p := &delivery.Presence{Credential: token.NewCredential(machine).Hash(), Renewed: at}
	if err := p.WriteTo(object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestWhenALeaseWasRenewedIsByOurClock(t *testing.T) {
	s, now := newStore()
	began := now.Now()
	for _, step := range []struct {
		said time.Duration // by who renewed it
		want time.Duration
	}{
		{-20 * time.Second, -20 * time.Second}, // before we began
		{-20 * time.Second, -20 * time.Second}, // nothing new
		{time.Hour, 2 * time.Second},
		{-time.Hour, 3 * time.Second},
	} {
		s.sawLease(leaseRenewed(t, began.Add(step.said)))
		if got := s.Lookup(machine).Renewed.Sub(began); got != step.want {
			t.Errorf("a Lease that says %s was renewed %s, want %s", step.said, got, step.want)
		}
		now.Step(time.Second)
	}
	other, _ := newStore()
	other.sawLease(leaseRenewed(t, began.Add(time.Hour)))
	if got := other.Lookup(machine).Renewed; !got.Equal(began) {
		t.Errorf("one that is from the future was renewed %s", got.Sub(began))
	}
}

func TestWhatIsBrokenOrGoingIsNotThere(t *testing.T) {
	s, _ := newStore()
	good := &corev1.Secret{ObjectMeta: delivery.ObjectMeta("ns", machine, "desk", "scout")}
	if err := delivery.Write(good, &delivery.Machine{Run: true}, nil); err != nil {
		t.Fatal(err)
	}
	broken, going := good.DeepCopy(), good.DeepCopy()
	broken.Data = nil
	going.DeletionTimestamp = &good.CreationTimestamp
	changed, cancel := s.Watch(machine)
	for what, object := range map[string]*corev1.Secret{"broken": broken, "going": going} {
		s.sawSecret(good)
		if s.Lookup(machine).Machine == nil {
			t.Fatal("a good one is not there")
		}
		s.sawSecret(object)
		if s.Lookup(machine).Machine != nil {
			t.Errorf("one that is %s is there", what)
		}
	}
	select {
	case <-changed:
	default:
		t.Error("who watches is not told")
	}
	if cancel(); s.Watches(machine) != 0 || len(s.watchers) != 0 {
		t.Error("who has stopped watching is remembered")
	}
	s.sawLease(leaseRenewed(t, time.Unix(1e9, 0)))
	brokenLease := leaseRenewed(t, time.Unix(1e9, 0))
	brokenLease.Annotations = nil
	if s.sawLease(brokenLease); s.Lookup(machine).Presence != nil || s.Machines() != 0 {
		t.Error("a broken Lease is there")
	}
}

func TestTheReplicasShareByWhatTheyServe(t *testing.T) {
	s, now := newStore()
	say := func(name string, serves int) {
		lease := &coordinationv1.Lease{}
		g := delivery.Gateway{Name: name, Serves: serves, Renewed: now.Now()}
		lease.Name = g.LeaseName()
		g.WriteTo(lease)
		s.sawLease(lease)
	}
	if got := s.Share("one", 100); got != 1 {
		t.Errorf("alone the share is %g", got)
	}
	say("one", 99)
	say("other", 299)
	one, other := s.Share("one", 99), s.Share("other", 299)
	if one+other != 1 || one != 0.375 {
		t.Errorf("the shares are %g and %g", one, other)
	}
	if got := s.Share("one", 0); got < 0.25 {
		t.Errorf("who is new can hardly begin: %g", got)
	}
	now.Step(delivery.GatewayDuration)
	if got := s.Share("one", 99); got != 1 {
		t.Errorf("who says nothing any more has a share: %g", 1-got)
	}
	if s.Machines() != 0 {
		t.Error("a gateway is counted as a machine")
	}
	if s.lostLease("gateway.other"); len(s.gateways) != 1 {
		t.Error("a gateway whose Lease is gone is remembered")
	}
}
