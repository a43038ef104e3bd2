// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package orphan finds the instances of our fleet that no object claims, such as what a lost reply or a late create has
// left behind, and destroys them when all its safeguards hold. It writes no object, and its memory is the process's: a
// restart only delays.
package orphan

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/scope"
)

// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts;bots;droplets,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Passes is what the sweeper needs of the inventory.
type Passes interface {
	// OnPass calls hear after every complete pass over the fleet.
	OnPass(hear func(inventory.Pass)) (stop func())
}

// Freeze is what the sweeper needs of the fleet's guard.
type Freeze interface {
	// Frozen is nil, or why nothing may be done at the cloud.
	Frozen() error
}

// Settings are what a person decides.
type Settings struct {
	// Policy is PolicyDelete or PolicyReport; empty is Report for the first day of an installation, and then Delete.
	Policy string
	// MinAge is how old an orphan must be to be destroyed, and how long the breaker must have been closed after it was
	// open.
	MinAge time.Duration
	// Sightings is in how many complete passes, after the one that found it, an orphan must be unclaimed.
	Sightings int
	// Namespaces are the only ones whose objects may be read; none means all.
	Namespaces scope.Namespaces
	// Namespace is the manager's own, where the fleet record is.
	Namespace string
}

// Options are the collaborators of a Sweeper. All are required.
type Options struct {
	Settings
	// Client reads from the cache.
	Client client.Reader
	// Live reads from the API server itself.
	Live client.Reader
	// Cloud is where instances are, as far as the budget lets us ask.
	Cloud *budget.Instances
	// Freeze tells whether anything may be done at the cloud.
	Freeze Freeze
	// Passes is the inventory.
	Passes Passes
	// Leader tells whether this process may still destroy.
	Leader leadership.Check
	// Recorder takes events, about the fleet record.
	Recorder events.EventRecorder
	// Clock is the time.
	Clock clock.PassiveClock
	// Fleet is the fleet id.
	Fleet string
}

// Sweeper looks for orphans after every complete pass over the fleet. It is a manager.Runnable, and a Prometheus
// collector that whoever made it registers.
type Sweeper struct {
	settings Settings
	client   client.Reader
	live     client.Reader
	cloud    *budget.Instances
	freeze   Freeze
	passes   Passes
	leader   leadership.Check
	recorder events.EventRecorder
	clock    clock.PassiveClock
	fleet    string
	meters   meters

	// What follows is touched by Sweep alone, which is not called twice at once.
	seen     sightings
	fall     *fall
	breaker  breaker
	auditAt  time.Time
	untagged map[int64]bool
}

// New makes a Sweeper that has seen nothing yet.
func New(o Options) *Sweeper {
	return &Sweeper{
		settings: o.Settings, client: o.Client, live: o.Live, cloud: o.Cloud, freeze: o.Freeze, passes: o.Passes,
		leader: o.Leader, recorder: o.Recorder, clock: o.Clock, fleet: o.Fleet,
		meters: newMeters(), seen: sightings{}, fall: newFall(),
	}
}

// NeedLeaderElection tells the manager that only the leader sweeps.
func (s *Sweeper) NeedLeaderElection() bool { return true }

// Start sweeps after every pass until ctx is done. When passes come faster than it sweeps, it takes the newest. A
// failure is not an error of Start; the next pass comes.
func (s *Sweeper) Start(ctx context.Context) error {
	ctx = log.IntoContext(ctx, log.FromContext(ctx).WithName("orphan"))
	newest := make(chan inventory.Pass, 1)
	stop := s.passes.OnPass(func(pass inventory.Pass) {
		select {
		case <-newest:
		default:
		}
		newest <- pass // there is room: nobody else sends
	})
	defer stop()
	for {
		select {
		case pass := <-newest:
			s.sweepAndTell(ctx, pass)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Sweeper) sweepAndTell(ctx context.Context, pass inventory.Pass) {
	err := s.Sweep(ctx, pass)
	switch kind := cloud.KindOf(err); {
	case err == nil || ctx.Err() != nil:
	case kind == cloud.Throttled || kind == cloud.Frozen || kind == cloud.Busy: // as planned: the next pass tries again
		log.FromContext(ctx).Info("orphans have to wait", "why", cloud.Message(err))
	default:
		log.FromContext(ctx).Error(err, "sweeping failed; the next pass tries again")
	}
}

// Sweep takes in one complete pass: it finds what nobody claims, tells of it, and destroys what may be destroyed.
func (s *Sweeper) Sweep(ctx context.Context, pass inventory.Pass) error {
	objects, err := s.readClaims(ctx, s.client, pass)
	if err != nil {
		return err
	}
	orphans := objects.unclaimed(slices.Collect(pass.All()))
	strays, audited := s.audit(ctx, pass)
	strays = objects.unclaimed(strays)
	if len(orphans)+len(strays) > 0 { // the cache may lag: only the API server knows
		if objects, err = s.readClaims(ctx, s.live, pass); err != nil {
			return err
		}
		orphans, strays = objects.unclaimed(orphans), objects.unclaimed(strays)
	}
	now := s.clock.Now()
	if audited {
		s.auditAt = now.Add(auditEvery)
		s.setStrays(ctx, strays)
	}
	err = s.confirm(ctx, s.seen.update(orphans, pass, now), pass)
	blocked := s.judge(ctx, objects, len(orphans), pass)
	ripe := s.ripe(now)
	s.meters.show(len(s.seen), len(ripe), len(s.untagged), s.breaker.why != "")
	if err != nil || blocked || !s.breaker.isCalm(s.settings.MinAge, now) {
		return err
	}
	return s.destroy(ctx, ripe, pass)
}

// judge asks the breaker, and tells of what is news. It reports whether nothing may be destroyed.
func (s *Sweeper) judge(ctx context.Context, objects *claims, orphans int, pass inventory.Pass) bool {
	s.fall.update(objects.objects, pass)
	suspected := facts{
		orphans: orphans, instances: pass.Len(), bots: objects.bots, droplets: len(objects.objects), lost: len(s.fall.lost),
	}
	confirmed := suspected
	confirmed.orphans, confirmed.lost = s.seen.confirmed(), s.fall.confirmed()
	wasOpen := s.breaker.why != ""
	blocked, opened := s.breaker.judge(suspected, confirmed, s.settings.Sightings, s.clock.Now())
	switch {
	case opened:
		s.tellFrozen(ctx)
	case wasOpen && !blocked:
		log.FromContext(ctx).Info("the numbers are normal again; orphans may be destroyed after the minimum age",
			"orphans", orphans)
	}
	if s.breaker.why == "" {
		s.tellFound(ctx) // one by one only while they are few
	}
	return blocked
}
