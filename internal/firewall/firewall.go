// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package firewall keeps the one cloud firewall of the fleet: made before the first machine, attached to all of them by
// the fleet's tag, and put right when somebody has changed it. It lets SSH in from where the flags say, and names, time
// and HTTPS out; everything else is kept from the machines by the cloud, whatever runs on them.
//
// It never deletes a firewall, and touches none that does not have the fleet's name.
package firewall

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// errUnseen is what Ready says before the first look.
var errUnseen = errors.New("it has not been looked at yet")

// Cloud is what a Keeper needs of the cloud.
type Cloud interface {
	cloud.Firewalls
	// EnsureTag makes sure that a tag exists; see cloud.Tagger.
	EnsureTag(ctx context.Context, tag string) error
}

// Freeze tells whether anything may be done at the cloud.
type Freeze interface {
	// Frozen is nil, or why nothing may be done at the cloud.
	Frozen() error
	// OnChange calls hear whenever Frozen comes to say something else.
	OnChange(hear func()) (stop func())
}

// Options are what a Keeper needs. All but the rules are required.
type Options struct {
	// Cloud is where the firewall is.
	Cloud Cloud
	// Freeze tells whether it may be touched.
	Freeze Freeze
	// Fleet is the fleet id.
	Fleet string
	// SSHFrom are the networks that may reach the machines by SSH; without any, nothing may come in.
	SSHFrom []netip.Prefix
	// Egress is what the machines may reach besides names, time and HTTPS; a rule without addresses means anywhere.
	Egress []cloud.FirewallRule
	// Recorder takes events.
	Recorder events.EventRecorder
	// About is what the events are about: the fleet record.
	About runtime.Object
	// Clock is the time.
	Clock clock.WithTicker
}

// Keeper looks after the fleet's firewall. It is safe for concurrent use. It is a manager.Runnable, and a Prometheus
// collector that whoever made it registers.
type Keeper struct {
	cloud    Cloud
	freeze   Freeze
	wanted   cloud.Firewall
	recorder events.EventRecorder
	about    runtime.Object
	clock    clock.WithTicker
	repairs  prometheus.Counter

	checking sync.Mutex // held for one Check; guards what only that uses
	id       string     // of the firewall that was seen or made in this life
	others   string     // what was told last of others of its name
	failed   bool       // the last Check did, and it was logged

	mu        sync.Mutex // guards what follows
	why       error      // nil when the firewall is in place
	listeners []*listener
}

type listener struct{ hear func() }

// New makes a Keeper that has not looked yet.
func New(o Options) *Keeper {
	return &Keeper{
		cloud: o.Cloud, freeze: o.Freeze, wanted: wanted(o), recorder: o.Recorder, about: o.About, clock: o.Clock,
		repairs: newRepairs(), why: errUnseen,
	}
}

// Ready is nil once the firewall was seen or made right, and as long as it is not known to be otherwise; else it says
// why no machine may be made yet, in words that are fit for a condition. It asks nobody.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.why
}

// OnChange calls hear whenever the firewall comes to be in place, or not any more. The calls hold up the Keeper, so
// hear must be quick.
func (k *Keeper) OnChange(hear func()) (stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &listener{hear}
	k.listeners = append(k.listeners, l)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.listeners = slices.DeleteFunc(k.listeners, func(other *listener) bool { return other == l })
	}
}

// judge notes whether the firewall is in place, and tells those who listen when that is news.
func (k *Keeper) judge(why error) {
	k.mu.Lock()
	news := (k.why == nil) != (why == nil)
	k.why = why
	listeners := slices.Clone(k.listeners)
	k.mu.Unlock()
	for _, l := range listeners {
		if news {
			l.hear()
		}
	}
}
