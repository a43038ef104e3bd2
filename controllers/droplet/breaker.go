// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// massDestructionFloor and massDestructionShare: when more machines than the larger of 5 and 2 % of the fleet are to
	// go within the window, and no person has deleted their Bots, then something has gone wrong, and the rest waits.
	massDestructionFloor  = 5
	massDestructionShare  = 0.02
	massDestructionWindow = 10 * time.Minute
)

// destructions are the machines that were destroyed although nobody had deleted, hibernated or redeployed their Bots.
// They are counted in memory: after a restart those that are still being deleted are counted anew.
type destructions struct {
	client client.Client

	mu   sync.Mutex
	done map[types.UID]time.Time
}

func newDestructions(c client.Client) *destructions {
	return &destructions{client: c, done: map[types.UID]time.Time{}}
}

// tooMany counts, for a Droplet that is about to be destroyed, those that go without a person's word, and says whether
// it has to wait. A Droplet that goes with a person's word never does.
func (d *destructions) tooMany(
	ctx context.Context, droplet *spawnv1.Droplet, now time.Time,
) (count int, wait bool, err error) {
	if meant, err := d.isMeant(ctx, droplet, now); err != nil || meant {
		return 0, false, err
	}
	var droplets spawnv1.DropletList
	if err := d.client.List(ctx, &droplets, client.UnsafeDisableDeepCopy); err != nil {
		return 0, false, fmt.Errorf("listing droplets: %w", err)
	}
	going := d.recent(now)
	for i := range droplets.Items {
		other := &droplets.Items[i]
		if other.DeletionTimestamp.IsZero() || other.Status.InstanceID == 0 {
			continue
		}
		meant, err := d.isMeant(ctx, other, now)
		if err != nil {
			return 0, false, err
		}
		if !meant {
			going[other.UID] = now
		}
	}
	going[droplet.UID] = now
	limit := max(massDestructionFloor, int(massDestructionShare*float64(len(droplets.Items))))
	if len(going) > limit {
		return len(going), true, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done[droplet.UID] = now
	return len(going), false, nil
}

// recent are the destructions of the last ten minutes.
func (d *destructions) recent(now time.Time) map[types.UID]time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[types.UID]time.Time{}
	for uid, at := range d.done {
		if now.Sub(at) > massDestructionWindow {
			delete(d.done, uid)
			continue
		}
		found[uid] = at
	}
	return found
}

// isMeant tells whether a person wants the machine gone: the Bot is being deleted, hibernated or redeployed, or an
// administrator has confirmed it.
func (d *destructions) isMeant(ctx context.Context, droplet *spawnv1.Droplet, now time.Time) (bool, error) {
	if droplet.Annotations[spawnv1.ConfirmDestroyAnnotation] != "" {
		return true, nil
	}
	var bot spawnv1.Bot
	key := client.ObjectKey{Namespace: droplet.Namespace, Name: droplet.Spec.BotRef.Name}
	if err := d.client.Get(ctx, key, &bot); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("reading bot %s: %w", key, err)
	}
	redeploy, created := bot.Spec.RedeployAt, droplet.CreatedAt()
	return !bot.DeletionTimestamp.IsZero() || bot.Spec.DesiredState == spawnv1.BotHibernated ||
		droplet.Spec.Snapshot == spawnv1.SwitchEnabled ||
		redeploy != nil && !redeploy.After(now) && created.Before(redeploy), nil
}
