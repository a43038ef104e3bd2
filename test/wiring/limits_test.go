// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// applicants is how many Bots there are for one slot or two.
const applicants = 10

func applicant(number int) string { return fmt.Sprintf("bot-%d", number) }

// Nobody is asked about a Bot any more, and the limit holds all the same: the oldest gets the machine, and who comes
// next gets it when there is room, without an edit.
func TestCRIT002_WithTheWebhooksDeletedOneOfTenBotsHasAMachine(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withRoomForOne(t)
	w.startAsked(t)
	removeWebhooks(t)
	for n := range applicants {
		eventually(t, "nobody is asked any more", soonEnough, func(ctx context.Context) error {
			return shared.api.Create(ctx, c.newBot(applicant(n)))
		})
	}
	c.becomeReady(t, applicant(0))
	c.areBeyondTheLimit(t, 1)
	w.hadInstancesEver(t, 1)

	for next := 1; next <= 2; next++ {
		kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", applicant(next-1))
		c.becomeReady(t, applicant(next))
		c.areBeyondTheLimit(t, next+1)
		w.hadInstancesEver(t, next+1)
	}
	c.setLimit(t, 3)
	c.becomeReady(t, applicant(3), applicant(4))
	c.areBeyondTheLimit(t, 5)
	w.hadInstancesEver(t, 5)
	for n := 2; n < applicants; n++ {
		if c.mustBot(t, applicant(n)).Generation != 1 {
			t.Errorf("%s was edited", applicant(n))
		}
	}
}

// Half of the Bots come before the leader is killed, with a machine on its way, and the others while nobody leads.
func TestCRIT002_LimitsHoldWhenTheLeaderIsKilledInTheMiddleOfTenCreates(t *testing.T) {
	const limit = 2
	for _, asked := range []bool{true, false} {
		t.Run(map[bool]string{true: "the other is asked", false: "nobody is asked"}[asked], func(t *testing.T) {
			w := newWorld(t)
			c := w.newTenant(t).withRoomForOne(t)
			c.setLimit(t, limit)
			leader := w.startChild(t, "--leader-elect")
			was := leads(t, "")
			if asked {
				w.startAsked(t, "--leader-elect")
			} else {
				w.startChild(t, "--leader-elect")
			}

			reply := w.road.holdReply(t, http.MethodPost, `"name":"bot-`)
			accepted := c.applyAtOnce(t, 0, applicants/2)
			reply.await(t, "the first create request")
			leader.signal(t, syscall.SIGKILL)
			leader.ends(t)
			reply.release()
			accepted = append(accepted, c.applyAtOnce(t, applicants/2, applicants)...)
			leads(t, was)

			want := applicants
			if asked {
				want = limit
			}
			if len(accepted) != want {
				t.Fatalf("accepted are %v, want %d", accepted, want)
			}
			served := c.served(t, accepted, limit)
			for _, name := range accepted {
				if !slices.Contains(served, name) {
					c.says(t, name, spawnv1.AdmittedCondition, spawnv1.AccountLimitReachedReason)
				}
			}
			for _, name := range served {
				c.hadOneInstanceEver(t, name)
			}
			w.hadInstancesEver(t, limit)
		})
	}
}

// applyAtOnce creates Bots at once, and returns the names of those that were accepted.
func (c *tenant) applyAtOnce(t *testing.T, from, to int) (accepted []string) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	for n := from; n < to; n++ {
		group.Go(func() {
			err := shared.api.Create(t.Context(), c.newBot(applicant(n)))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted = append(accepted, applicant(n))
			} else if !apierrors.IsForbidden(err) {
				t.Errorf("creating %s: %v", applicant(n), err)
			}
		})
	}
	group.Wait()
	return accepted
}

// served waits until so many of the Bots have their slots, and are Ready.
func (c *tenant) served(t *testing.T, names []string, limit int) (served []string) {
	t.Helper()
	eventually(t, "the slots are taken", soonEnough, func(ctx context.Context) error {
		var account spawnv1.Account
		if err := shared.api.Get(ctx, client.ObjectKey{Name: c.account}, &account); err != nil {
			return err
		}
		if account.Status.Bots.Admitted != int32(limit) {
			return fmt.Errorf("slots %v, of which %d are bound", account.Status.Slots, account.Status.Bots.Admitted)
		}
		served = nil
		for _, name := range names {
			if _, has := account.Status.Slots[c.namespace+"/"+name]; has {
				served = append(served, name)
			}
		}
		return nil
	})
	c.becomeReady(t, served...)
	return served
}

// areBeyondTheLimit waits until all applicants from this one on are refused for the limit.
func (c *tenant) areBeyondTheLimit(t *testing.T, first int) {
	t.Helper()
	for n := first; n < applicants; n++ {
		c.says(t, applicant(n), spawnv1.AdmittedCondition, spawnv1.AccountLimitReachedReason)
	}
}

func (c *tenant) setLimit(t *testing.T, limit int) {
	t.Helper()
	account := c.newAccount()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"maxBots":%d}}`, limit))
	if err := shared.api.Patch(t.Context(), account, patch); err != nil {
		t.Fatal(err)
	}
}

// hadInstancesEver checks how many instances DigitalOcean has ever made.
func (w *world) hadInstancesEver(t *testing.T, want int) {
	t.Helper()
	if ever := w.cloud.Instances(); len(ever) != want {
		t.Errorf("there have been %d instances, want %d: %v", len(ever), want, ever)
	}
}
