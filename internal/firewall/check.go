// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package firewall

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

// action is what an event's reporter was doing.
const action = "Check"

// What a token must be allowed for each call.
const (
	mayRead    = "firewall:read"
	mayCreate  = "firewall:create"
	mayUpdate  = "firewall:update"
	mayMakeTag = "tag:create"
)

// Check looks at the firewall once, and makes it or puts it right if need be. It looks before it makes one, so a reply
// that was lost makes no second. While the fleet is frozen it does nothing.
func (k *Keeper) Check(ctx context.Context) error {
	k.checking.Lock()
	defer k.checking.Unlock()
	if err := k.freeze.Frozen(); err != nil {
		return err
	}
	err := k.look(ctx)
	logger := log.FromContext(ctx).WithName("firewall").WithValues("firewall", k.wanted.Name)
	switch failed := err != nil; {
	case failed && errors.Is(ctx.Err(), context.Canceled):
		return err
	case failed && !k.failed:
		logger.Error(err, "fleet's firewall cannot be looked after")
	case !failed && k.failed:
		logger.Info("fleet's firewall is looked after again")
	}
	k.failed = err != nil
	return err
}

func (k *Keeper) look(ctx context.Context) error {
	all, err := k.cloud.ListFirewalls(ctx)
	if err != nil {
		err = explain(err, mayRead)
		if k.Ready() != nil {
			k.judge(err)
		}
		return err // what was seen last stands: not being able to ask is no news about it
	}
	found, others := k.ours(all)
	k.tellOf(others)
	if found == nil {
		err = k.create(ctx)
	} else {
		err = k.repair(ctx, *found)
	}
	k.judge(err)
	return err
}

// ours is the fleet's firewall, nil when there is none, and the ids of others of its name. It is known by its name,
// which at the cloud is the same in capitals, or else as the one that this process has seen before: somebody has
// renamed it. Of several it is that with the least id, so that every process takes the same.
func (k *Keeper) ours(all []cloud.Firewall) (found *cloud.Firewall, others []string) {
	slices.SortFunc(all, func(a, b cloud.Firewall) int { return strings.Compare(a.ID, b.ID) })
	for i := range all {
		switch {
		case !strings.EqualFold(all[i].Name, k.wanted.Name):
		case found == nil:
			found = &all[i]
		default:
			others = append(others, all[i].ID)
		}
	}
	if found != nil || k.id == "" {
		return found, others
	}
	if i := slices.IndexFunc(all, func(f cloud.Firewall) bool { return f.ID == k.id }); i >= 0 {
		return &all[i], nil
	}
	return nil, nil
}

// tellOf reports other firewalls of our name, once for the same ones.
func (k *Keeper) tellOf(others []string) {
	list := strings.Join(others, ", ")
	if list != "" && list != k.others {
		k.recorder.Eventf(k.about, nil, corev1.EventTypeWarning, spawnv1.FirewallDuplicatedReason, action,
			"other firewalls are called %s as well, and may let more pass; delete them: %s", k.wanted.Name, list)
	}
	k.others = list
}

func (k *Keeper) create(ctx context.Context) error {
	if err := k.ensureTag(ctx); err != nil {
		return err
	}
	made, err := k.cloud.CreateFirewall(ctx, k.wanted)
	if err != nil {
		return explain(err, mayCreate)
	}
	if k.id == "" {
		k.tell(ctx, spawnv1.FirewallCreatedReason, "made firewall "+k.wanted.Name)
	} else {
		k.repairs.Inc()
		k.tell(ctx, spawnv1.FirewallRepairedReason, "firewall "+k.wanted.Name+" was gone, and was made anew")
	}
	k.id = made.ID
	return nil
}

func (k *Keeper) repair(ctx context.Context, found cloud.Firewall) error {
	parts := differences(found, k.wanted)
	if len(parts) > 0 {
		if err := k.ensureTag(ctx); err != nil {
			return err
		}
		right := k.wanted
		right.ID = found.ID
		if err := k.cloud.UpdateFirewall(ctx, right); err != nil {
			return explain(err, mayUpdate)
		}
		k.repairs.Inc()
		k.tell(ctx, spawnv1.FirewallRepairedReason,
			"firewall "+k.wanted.Name+" had other "+strings.Join(parts, ", ")+" than the flags say, and was put right")
	}
	k.id = found.ID
	return nil
}

// ensureTag makes the fleet's tag, which a firewall must not name before it exists.
func (k *Keeper) ensureTag(ctx context.Context) error {
	for _, tag := range k.wanted.Tags {
		if err := k.cloud.EnsureTag(ctx, tag); err != nil {
			return explain(err, mayMakeTag)
		}
	}
	return nil
}

func (k *Keeper) tell(ctx context.Context, reason, message string) {
	log.FromContext(ctx).WithName("firewall").Info(message)
	k.recorder.Eventf(k.about, nil, corev1.EventTypeNormal, reason, action, "%s", message)
}

// explain makes a failure fit for a condition: without the id of the request, which is another each time, and with the
// permission that the token lacks.
func explain(err error, permission string) error {
	var failed *cloud.Error
	if !errors.As(err, &failed) {
		return err
	}
	explained := *failed
	explained.RequestID = ""
	if failed.Kind == cloud.Unauthorized && failed.Status == http.StatusForbidden {
		explained.Message += "; the token lacks the permission " + permission + ", of " +
			strings.Join([]string{mayRead, mayCreate, mayUpdate, mayMakeTag}, ", ")
	}
	return &explained
}
