// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/status"
)

// finalize deletes the Bot's Droplet and lets the Bot go when it is gone. It reads no Secret and creates nothing, so it
// also works in a namespace that is being deleted.
type finalize struct {
	client client.Client
	live   client.Reader
}

// Reconcile makes the next move towards nothing; the Droplet's deletion wakes us.
func (f *finalize) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	droplets, err := f.droplets(ctx, s.bot)
	if err != nil {
		return reconcile.Result{}, err
	}
	for i := range droplets {
		if err := discard(ctx, f.client, &droplets[i]); err != nil {
			return reconcile.Result{}, err
		}
	}
	if len(droplets) > 0 {
		reason, message := waitsFor(&droplets[0])
		status.NotReady(s.bot, s.now, reason, message)
		return reconcile.Result{}, nil
	}
	if err := finalizer.Remove(ctx, f.client, s.bot, spawnv1.BotFinalizer); err != nil {
		return reconcile.Result{}, err
	}
	log.FromContext(ctx).Info("bot is gone")
	s.gone = true
	return reconcile.Result{}, nil
}

// droplets are the Droplets that say they are this Bot's, and the one that the Bot says is its own, on a live read.
func (f *finalize) droplets(ctx context.Context, bot *spawnv1.Bot) ([]spawnv1.Droplet, error) {
	var found spawnv1.DropletList
	err := f.client.List(ctx, &found, client.InNamespace(bot.Namespace),
		client.MatchingFields{index.DropletBot: bot.Name})
	if err != nil {
		return nil, fmt.Errorf("listing the bot's droplets: %w", err)
	}
	if len(found.Items) > 0 || bot.Status.DropletName == "" {
		return found.Items, nil
	}
	var named spawnv1.Droplet
	err = f.live.Get(ctx, client.ObjectKey{Namespace: bot.Namespace, Name: bot.Status.DropletName}, &named)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading droplet %s: %w", bot.Status.DropletName, err)
	case named.Spec.BotRef.Name != bot.Name:
		return nil, nil
	}
	return []spawnv1.Droplet{named}, nil
}

// discard asks for the deletion of a Droplet, this one and no other of its name. Its finalizer sees to the instance.
func discard(ctx context.Context, c client.Client, droplet *spawnv1.Droplet) error {
	if !droplet.DeletionTimestamp.IsZero() {
		return nil
	}
	log.FromContext(ctx).Info("deleting droplet", "droplet", droplet.Name)
	err := c.Delete(ctx, droplet, client.Preconditions{UID: &droplet.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting droplet %s: %w", droplet.Name, err)
	}
	return nil
}

// waitsFor is why the Bot is not gone yet: what its Droplet says when that needs a person, else that it is under way.
func waitsFor(droplet *spawnv1.Droplet) (reason, message string) {
	if ready := status.Get(droplet, spawnv1.ReadyCondition); ready != nil &&
		status.IsTrue(droplet, spawnv1.StalledCondition) && !droplet.DeletionTimestamp.IsZero() {
		return ready.Reason, ready.Message
	}
	return spawnv1.DeletingReason, "waiting for Droplet " + droplet.Name + " to be gone"
}
