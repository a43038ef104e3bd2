// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

// errUnclaimed stops a create request: nobody is entitled to the machine. What wraps it says why.
var errUnclaimed = errors.New("the Bot does not claim this machine")

func unclaimed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUnclaimed, fmt.Sprintf(format, args...))
}

// claimant is the Bot whose machine the Droplet is: it exists, stays, and names this Droplet. Otherwise the error is
// errUnclaimed.
func claimant(ctx context.Context, reader client.Reader, droplet *spawnv1.Droplet) (*spawnv1.Bot, error) {
	var bot spawnv1.Bot
	key := client.ObjectKey{Namespace: droplet.Namespace, Name: droplet.Spec.BotRef.Name}
	err := reader.Get(ctx, key, &bot)
	switch {
	case apierrors.IsNotFound(err):
		return nil, unclaimed("there is no Bot %s", key.Name)
	case err != nil:
		return nil, fmt.Errorf("reading bot %s: %w", key, err)
	case !bot.DeletionTimestamp.IsZero():
		return nil, unclaimed("Bot %s is being deleted", key.Name)
	case bot.Status.DropletName != droplet.Name:
		return nil, unclaimed("Bot %s names %q as its machine", key.Name, bot.Status.DropletName)
	}
	return &bot, nil
}

// holdsSlot is errUnclaimed unless the Bot's Account keeps a slot for that Bot, and not for an earlier one of its name.
func holdsSlot(ctx context.Context, reader client.Reader, bot *spawnv1.Bot) error {
	name := bot.Spec.AccountRef.Name
	var account spawnv1.Account
	err := reader.Get(ctx, client.ObjectKey{Name: name}, &account)
	switch {
	case apierrors.IsNotFound(err):
		return unclaimed("there is no Account %q, which would keep a slot for Bot %s", name, bot.Name)
	case err != nil:
		return fmt.Errorf("reading account %q: %w", name, err)
	case !slots.Holds(&account, bot):
		return unclaimed("Account %q keeps no slot for Bot %s", name, bot.Name)
	}
	return nil
}

// entitled is the last barrier before money is spent: errUnclaimed unless the Droplet has a claimant, which holds its
// slot. Read live right before the request, it also stops a former leader.
func (e *existence) entitled(ctx context.Context, droplet *spawnv1.Droplet) error {
	bot, err := claimant(ctx, e.live, droplet)
	if err != nil {
		return err
	}
	return holdsSlot(ctx, e.live, bot)
}

// hindered tells why no instance may be created, though one that exists may be adopted; nil when nothing hinders it.
func (e *existence) hindered(ctx context.Context, s *scope, bot *spawnv1.Bot) (*reconcile.Result, error) {
	err := holdsSlot(ctx, e.client, bot)
	switch {
	case errors.Is(err, errUnclaimed):
		s.exists(status.Unknown, spawnv1.UnclaimedReason, "%s; nothing is asked for", err)
		return &reconcile.Result{RequeueAfter: unclaimedPause}, nil
	case err != nil:
		return nil, err
	}
	return e.unprotected(s), nil
}

// orNow is the result of a hindrance, if there is one.
func orNow(hindrance *reconcile.Result) reconcile.Result {
	if hindrance == nil {
		return reconcile.Result{}
	}
	return *hindrance
}
