// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// registerWithin is how long a machine that is on may take to register, and for how long a registration that was
	// opened again is open.
	registerWithin = 15 * time.Minute
	// registering is what the reporter of an event about a registration was doing.
	registering = "Register"
)

// registration is the step that owns condition Registered: the machine has a credential of its own. It also tells the
// gateway which instance may have one, and whether the bot is to run.
type registration struct {
	deliveries *deliveries
	recorder   events.EventRecorder

	mu        sync.Mutex // guards what follows
	conflicts map[types.NamespacedName]int32
}

// Reconcile brings the letter of the Bot's machine up to date, as far as this step goes, and says what came of it. The
// last step stores the letter.
func (r *registration) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	if s.droplet == nil {
		s.set(noMachine())
		return reconcile.Result{}, nil
	}
	if !s.droplet.DeletionTimestamp.IsZero() {
		s.set(noMachine())
		return reconcile.Result{}, r.deliveries.retire(ctx, s.droplet.Name)
	}
	if s.letter == nil {
		var err error
		if s.letter, err = r.deliveries.read(ctx, s.bot, s.droplet.Name); err != nil {
			return reconcile.Result{}, err
		}
	}
	if err := r.rewriteUserData(ctx, s); err != nil {
		return reconcile.Result{}, err
	}
	r.instruct(s)
	if err := r.reopen(ctx, s); err != nil {
		return reconcile.Result{}, err
	}
	return r.judge(ctx, s)
}

// rewriteUserData is for a machine that cannot be asked for because its user data is not there any more.
func (r *registration) rewriteUserData(ctx context.Context, s *scope) error {
	if status.Reason(s.droplet, spawnv1.ExistsCondition) != spawnv1.UserDataMissingReason {
		return nil
	}
	return r.deliveries.prepare(ctx, s.bot, s.droplet.Name)
}

// instruct says which instance may be served, until when it may register, and whether the bot is to run. A machine that
// is not on yet is given its time when it is.
func (r *registration) instruct(s *scope) {
	m := s.letter.machine
	m.Run = s.droplet.Spec.PowerState == spawnv1.PowerOn && desiredPower(s.bot, spawnv1.PowerOn) == spawnv1.PowerOn
	since := onSince(s.droplet)
	if since.IsZero() {
		return
	}
	m.InstanceID, m.Addresses = s.droplet.Status.InstanceID, nil
	if address := s.droplet.Status.PublicIPv4; r.deliveries.ChecksAddress && address != "" {
		m.Addresses = []string{address}
	}
	if until := since.Add(registerWithin); s.bot.Status.SealKey == "" && until.After(m.Registration.NotAfter) {
		m.Registration.NotAfter = until
	}
}

// onSince is since when the machine has been on, as declared; zero when it is not.
func onSince(droplet *spawnv1.Droplet) time.Time {
	running := status.Get(droplet, spawnv1.RunningCondition)
	if running == nil || running.Status != metav1.ConditionTrue || running.Reason != spawnv1.PoweredOnReason {
		return time.Time{}
	}
	return running.LastTransitionTime.Time
}

// reopen opens the registration once more for the machine that the annotation names. That another key may be named then
// is stored before it is so.
func (r *registration) reopen(ctx context.Context, s *scope) error {
	open := &s.letter.machine.Registration.Reopened
	asked := s.bot.Annotations[spawnv1.ReopenRegistrationAnnotation] == s.droplet.Name
	if asked == *open {
		return nil
	}
	*open = asked
	if !asked {
		return nil
	}
	log.FromContext(ctx).Info("the registration is open once more", "droplet", s.droplet.Name)
	s.letter.machine.Registration.NotAfter = s.now.Add(registerWithin)
	if p := s.letter.presence; p != nil && p.SealKey != s.bot.Status.SealKey {
		if err := r.deliveries.revoke(ctx, s.droplet.Name); err != nil {
			return err
		}
		s.letter.presence = nil
	}
	if s.letter.presence != nil || s.bot.Status.SealKey == "" {
		return nil
	}
	s.bot.Status.SealKey = ""
	s.stillToJudge()
	return s.save(ctx)
}

// judge says whether the machine has registered, and with the key that it named first.
func (r *registration) judge(ctx context.Context, s *scope) (reconcile.Result, error) {
	p, pinned, until := s.letter.presence, s.bot.Status.SealKey, s.letter.machine.Registration.NotAfter
	switch {
	case p == nil && pinned != "":
		s.set(status.False(spawnv1.RegisteredCondition, spawnv1.CredentialLostReason,
			"machine %s had registered, and Lease %[1]s, which said so, is gone; let it register again with: %s, "+
				"or replace it with spec.redeployAt", s.droplet.Name, reopenCommand(s)))
		return reconcile.Result{}, nil
	case p == nil && until.IsZero():
		s.set(waitingForRegistration(spawnv1.RegisteredCondition, s.droplet))
		return reconcile.Result{}, nil
	case p == nil && s.now.Before(until):
		s.set(waitingForRegistration(spawnv1.RegisteredCondition, s.droplet))
		return reconcile.Result{RequeueAfter: until.Sub(s.now)}, nil
	case p == nil:
		s.set(status.False(spawnv1.RegisteredCondition, spawnv1.RegistrationTimeoutReason,
			"machine %s did not register within %s; look at its console, then let it try again with: %s, or replace it "+
				"with spec.redeployAt", s.droplet.Name, registerWithin, reopenCommand(s)))
		return reconcile.Result{}, nil
	case pinned != "" && p.SealKey != pinned:
		s.set(status.False(spawnv1.RegisteredCondition, spawnv1.SealKeyChangedReason,
			"a machine registered as %s with another key, and gets no keys of the bot; if you know why, accept it with: "+
				"%s, or else replace it with spec.redeployAt", s.droplet.Name, reopenCommand(s)))
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, r.accept(ctx, s)
}

// accept notes what a machine that has registered says of itself. What it was told when it was first booted is deleted:
// it is known by its credential now.
func (r *registration) accept(ctx context.Context, s *scope) error {
	if !status.IsTrue(s.bot, spawnv1.RegisteredCondition) {
		if err := r.deliveries.dropUserData(ctx, s.droplet.Name); err != nil {
			return err
		}
	}
	p := s.letter.presence
	s.bot.Status.SealKey, s.bot.Status.AgentVersion = p.SealKey, p.Facts.AgentVersion
	if p.Facts.OpenClaw.Version != "" {
		s.bot.Status.OpenClawVersion = p.Facts.OpenClaw.Version
	}
	r.tellOfConflicts(s.bot, p)
	s.set(status.True(spawnv1.RegisteredCondition, spawnv1.RegisteredReason,
		"machine %s has registered", s.droplet.Name))
	return nil
}

// tellOfConflicts records an event when somebody else has shown the machine's token since we looked last.
func (r *registration) tellOfConflicts(bot *spawnv1.Bot, p *delivery.Presence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(bot)
	if p.Conflicts > r.conflicts[key] {
		r.recorder.Eventf(bot, nil, corev1.EventTypeWarning, spawnv1.RegistrationConflictReason, registering,
			"the registration token of machine %s was used by somebody else, %d times by now; if it was not you, replace "+
				"the machine with spec.redeployAt and find out who can read its user data", bot.Status.DropletName, p.Conflicts)
	}
	r.conflicts[key] = p.Conflicts
}

// forget is for a Bot that goes.
func (r *registration) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conflicts, key)
}

// isRegistered tells whether the machine that talks is the one that registered first.
func isRegistered(s *scope) bool {
	return s.letter != nil && s.letter.presence != nil && s.letter.presence.SealKey == s.bot.Status.SealKey
}

func noMachine() condition {
	return status.Unknown(spawnv1.RegisteredCondition, spawnv1.WaitingForMachineReason, "there is no machine")
}

func waitingForRegistration(conditionType string, droplet *spawnv1.Droplet) condition {
	return status.Unknown(conditionType, spawnv1.WaitingForRegistrationReason,
		"waiting for machine %s to register", droplet.Name)
}

func reopenCommand(s *scope) string {
	return fmt.Sprintf("kubectl annotate -n %s bot %s --overwrite %s=%s",
		s.bot.Namespace, s.bot.Name, spawnv1.ReopenRegistrationAnnotation, s.droplet.Name)
}
