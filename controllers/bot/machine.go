// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// fleetingWait is how long a wait for a pass over the fleet is not written down; most are over in a second or two.
	fleetingWait = 3 * time.Second
	// listedAgain is how often a Bot looks whether the fleet can be listed again.
	listedAgain = 10 * time.Second
)

// machine is the step that owns condition DropletReady: the Bot's one Droplet exists and is Ready.
type machine struct {
	client client.Client
	live   client.Reader
	names  *names
}

// Reconcile looks after the Droplet the Bot has, or gives it one.
func (m *machine) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	if s.bot.Status.DropletName == "" {
		return m.allocate(ctx, s)
	}
	droplet, err := m.current(ctx, s.bot)
	switch {
	case apierrors.IsNotFound(err) && s.bot.Status.InstanceID != 0:
		// The machine has lived and is gone: the next one is another machine, under another name.
		s.bot.Status.DropletName, s.bot.Status.InstanceID, s.bot.Status.PublicIPv4 = "", 0, ""
		return m.allocate(ctx, s)
	case apierrors.IsNotFound(err):
		return m.create(ctx, s)
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("reading droplet %s: %w", s.bot.Status.DropletName, err)
	}
	s.droplet = droplet
	return reconcile.Result{}, m.lookAfter(ctx, s)
}

// current is the Droplet that the Bot names. Its absence from the cache is only believed when the API server says so
// too: acting on a cache that lags would give the Bot a second machine.
func (m *machine) current(ctx context.Context, bot *spawnv1.Bot) (*spawnv1.Droplet, error) {
	key := client.ObjectKey{Namespace: bot.Namespace, Name: bot.Status.DropletName}
	var droplet spawnv1.Droplet
	err := m.client.Get(ctx, key, &droplet)
	if apierrors.IsNotFound(err) {
		err = m.live.Get(ctx, key, &droplet)
	}
	return &droplet, err
}

// lookAfter keeps what may change of the Droplet as the Bot says, has it replaced when it can never become the Bot's
// machine, and mirrors back how it is.
func (m *machine) lookAfter(ctx context.Context, s *scope) error {
	bot, droplet := s.bot, s.droplet
	if droplet.Spec.BotRef.Name != bot.Name {
		s.set(status.False(spawnv1.DropletReadyCondition, spawnv1.NameTakenReason,
			"Droplet %s belongs to Bot %s; an administrator must clear status.dropletName of one of the two",
			droplet.Name, droplet.Spec.BotRef.Name))
		s.droplet = nil
		return nil
	}
	bot.Status.InstanceID, bot.Status.PublicIPv4 = droplet.Status.InstanceID, droplet.Status.PublicIPv4
	if !droplet.DeletionTimestamp.IsZero() {
		s.set(replacing(droplet))
		return nil
	}
	if mustReplaceNow(bot, droplet) {
		if status.IsTrue(bot, spawnv1.AdmittedCondition) {
			s.set(replacing(droplet))
			return discard(ctx, m.client, droplet)
		}
	} else if err := m.mirror(ctx, bot, droplet); err != nil {
		return err
	}
	s.set(dropletReadyCondition(droplet))
	return nil
}

// mirror writes down to the Droplet what of its spec may change.
func (m *machine) mirror(ctx context.Context, bot *spawnv1.Bot, droplet *spawnv1.Droplet) error {
	want := desiredDroplet(bot, droplet.Name).Spec
	before := droplet.DeepCopy()
	droplet.Spec.PowerState, droplet.Spec.Size = want.PowerState, want.Size
	droplet.Spec.DeletionPolicy = want.DeletionPolicy
	if droplet.Spec.PowerState == before.Spec.PowerState && droplet.Spec.Size == before.Spec.Size &&
		droplet.Spec.DeletionPolicy == before.Spec.DeletionPolicy {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := m.client.Patch(ctx, droplet, patch); err != nil {
		return fmt.Errorf("changing droplet %s: %w", droplet.Name, err)
	}
	return nil
}

// allocate gives the Bot a machine name and stores it, before a Droplet of that name is created.
func (m *machine) allocate(ctx context.Context, s *scope) (reconcile.Result, error) {
	key := client.ObjectKeyFromObject(s.bot)
	name, err := m.owned(ctx, s.bot)
	if err != nil {
		return reconcile.Result{}, err
	}
	if name == "" && !status.IsTrue(s.bot, spawnv1.AdmittedCondition) {
		m.names.forget(key)
		s.set(status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForAdmissionReason,
			"no machine is created before the Bot is admitted"))
		return reconcile.Result{}, nil
	}
	if name == "" {
		if name, err = m.names.find(ctx, s.bot); err != nil {
			return reconcile.Result{}, err
		}
	}
	if name == "" {
		return m.waitForInventory(s), nil
	}
	s.bot.Status.DropletName = name
	s.bot.Status.Incarnation++
	s.set(waitingForInstance(name))
	replacement{}.judge(s)
	if err := s.save(ctx); err != nil {
		return reconcile.Result{}, err
	}
	m.names.forget(key)
	return m.create(ctx, s)
}

// waitForInventory says that the fleet is being listed, and why it cannot be when it cannot. A wait that may be over in
// a moment is not worth a write. The pass wakes us; a failure does not, so it is asked for.
func (m *machine) waitForInventory(s *scope) reconcile.Result {
	s.set(status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForInventoryReason,
		"the fleet is being listed, to see that the Bot has no instance already"))
	if err := m.names.inventory.Failing(); err != nil {
		s.set(unlisted(err))
		return reconcile.Result{RequeueAfter: listedAgain}
	}
	s.fleeting = s.now.Sub(m.names.waitingSince(s.bot)) < fleetingWait
	return reconcile.Result{RequeueAfter: fleetingWait}
}

func unlisted(err error) condition {
	reason := spawnv1.CloudUnavailableReason
	switch cloud.KindOf(err) { //nolint:exhaustive // every other kind means that there is no list for now
	case cloud.Unauthorized:
		reason = spawnv1.CredentialsInvalidReason
	case cloud.Frozen:
		reason = cloud.Reason(err)
	case cloud.Throttled:
		reason = spawnv1.ThrottledReason
	}
	return status.Unknown(spawnv1.DropletReadyCondition, reason,
		"the fleet cannot be listed, so no machine is created: %s", cloud.Message(err))
}

// owned is the name of a Droplet that already says it is this Bot's, empty when there is none: the status of a Bot can
// be lost in a restore. The oldest that has an instance wins; while one is being deleted the Bot waits for it to be
// gone.
func (m *machine) owned(ctx context.Context, bot *spawnv1.Bot) (string, error) {
	var droplets spawnv1.DropletList
	err := m.client.List(ctx, &droplets, client.InNamespace(bot.Namespace),
		client.MatchingFields{index.DropletBot: bot.Name})
	if err != nil {
		return "", fmt.Errorf("listing the bot's droplets: %w", err)
	}
	var best *spawnv1.Droplet
	for i := range droplets.Items {
		if d := &droplets.Items[i]; best == nil || precedes(d, best) {
			best = d
		}
	}
	if best == nil {
		return "", nil
	}
	return best.Name, nil
}

// precedes orders a Bot's Droplets: one being deleted first, because nothing may be created beside it, then one with an
// instance, then the older one.
func precedes(a, b *spawnv1.Droplet) bool {
	if x, y := !a.DeletionTimestamp.IsZero(), !b.DeletionTimestamp.IsZero(); x != y {
		return x
	}
	if x, y := a.Status.InstanceID != 0, b.Status.InstanceID != 0; x != y {
		return x
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// create creates the Droplet of the name that the Bot's stored status has.
func (m *machine) create(ctx context.Context, s *scope) (reconcile.Result, error) {
	s.set(waitingForInstance(s.bot.Status.DropletName))
	if !status.IsTrue(s.bot, spawnv1.AdmittedCondition) {
		s.set(status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForAdmissionReason,
			"no machine is created before the Bot is admitted"))
		return reconcile.Result{}, nil
	}
	droplet := desiredDroplet(s.bot, s.bot.Status.DropletName)
	err := m.client.Create(ctx, droplet)
	switch {
	case apierrors.IsAlreadyExists(err):
		return reconcile.Result{}, nil // its own event brings us back
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return reconcile.Result{}, nil // the Bot is about to be deleted with its namespace
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("creating droplet %s: %w", droplet.Name, err)
	}
	log.FromContext(ctx).Info("created droplet", "droplet", droplet.Name)
	return reconcile.Result{}, nil
}

func waitingForInstance(name string) condition {
	return status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForInstanceReason,
		"waiting for the instance of Droplet %s", name)
}

func replacing(droplet *spawnv1.Droplet) condition {
	message := "waiting for Droplet " + droplet.Name + " to be gone"
	if c := status.Get(droplet, spawnv1.ReadyCondition); c != nil && status.IsTrue(droplet, spawnv1.StalledCondition) {
		return status.False(spawnv1.DropletReadyCondition, c.Reason, "%s: %s", message, c.Message)
	}
	return status.False(spawnv1.DropletReadyCondition, spawnv1.ReplacingMachineReason,
		"%s before the next machine is created", message)
}

// dropletReadyCondition mirrors the Droplet's Ready. While the instance is merely on its way the words stay the same,
// so that a Bot is not written for every step of its Droplet.
func dropletReadyCondition(droplet *spawnv1.Droplet) condition {
	ready := status.Get(droplet, spawnv1.ReadyCondition)
	if ready == nil {
		return waitingForInstance(droplet.Name)
	}
	switch ready.Status {
	case metav1.ConditionTrue:
		return status.True(spawnv1.DropletReadyCondition, spawnv1.DropletReadyReason,
			"Droplet %s is Ready", droplet.Name)
	case metav1.ConditionFalse, metav1.ConditionUnknown:
	}
	switch ready.Reason {
	case spawnv1.CreatingReason, spawnv1.WaitingForInstanceReason, spawnv1.BootingReason, spawnv1.UnclaimedReason:
		return waitingForInstance(droplet.Name)
	}
	return status.False(spawnv1.DropletReadyCondition, ready.Reason, "%s", ready.Message)
}
