// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/scope"
)

// list is a cloud that lists these.
type list []cloud.Instance

func (l list) ListByTag(context.Context, string) ([]cloud.Instance, error) { return l, nil }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// passAt is a complete pass that began then.
func passAt(t *testing.T, at time.Time, instances ...cloud.Instance) inventory.Pass {
	t.Helper()
	i := inventory.New(inventory.Options{Lister: list(instances), Clock: clocktesting.NewFakeClock(at)})
	if err := i.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	pass, _ := i.Latest()
	return pass
}

func machineOf(bot, suffix string) string { return identity.Prefix("f", "tenant", bot) + suffix }

func droplet(namespace, name string, id int64) spawnv1.Droplet {
	return spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Status: spawnv1.DropletStatus{InstanceID: id},
	}
}

func bot(namespace, name, machine string, id int64) spawnv1.Bot {
	return spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Status:     spawnv1.BotStatus{DropletName: machine, InstanceID: id},
	}
}

func droplets(all ...spawnv1.Droplet) []spawnv1.Droplet { return all }
func bots(all ...spawnv1.Bot) []spawnv1.Bot             { return all }

func TestWhoClaimsAnInstance(t *testing.T) {
	scout := machineOf("scout", "aaaaa")
	other := machineOf("scout", "bbbbb")
	deleting := droplet("tenant", other, 8)
	deleting.DeletionTimestamp = &metav1.Time{Time: noon}
	waiting := bots(bot("tenant", "scout", other, 0))
	for name, test := range map[string]struct {
		droplets []spawnv1.Droplet
		bots     []spawnv1.Bot
		want     bool
	}{
		"nobody": {nil, nil, false},
		"others": {droplets(droplet("tenant", "hawk", 9)), bots(bot("tenant", "hawk", "hawk", 9)), false},

		"a Droplet by name":                   {droplets(droplet("tenant", scout, 0)), nil, true},
		"a Droplet by name, in any namespace": {droplets(droplet("elsewhere", scout, 9)), nil, true},
		"a Droplet by id":                     {droplets(droplet("tenant", "renamed", 7)), nil, true},

		"a Bot by the name of its machine":   {nil, bots(bot("tenant", "hawk", scout, 0)), true},
		"a Bot by id":                        {nil, bots(bot("tenant", "hawk", "", 7)), true},
		"a Bot without a machine, by prefix": {nil, bots(bot("tenant", "scout", "", 0)), true},
		"a Bot of that name, elsewhere":      {nil, bots(bot("elsewhere", "scout", "", 0)), false},
		"a Bot whose Droplet is not there":   {nil, bots(bot("tenant", "scout", other, 8)), true},

		"a Bot whose machine is not known yet":  {droplets(droplet("tenant", other, 0)), waiting, true},
		"a Bot whose machine is not in sight":   {droplets(droplet("tenant", other, 99)), waiting, true},
		"a Bot whose machine is being deleted":  {droplets(deleting), waiting, true},
		"a Bot that has its machine in sight":   {droplets(droplet("tenant", other, 8)), waiting, false},
		"a Bot whose Droplet is another tenant": {droplets(droplet("elsewhere", other, 8)), waiting, true},
	} {
		t.Run(name, func(t *testing.T) {
			pass := passAt(t, noon, cloud.Instance{ID: 7, Name: scout}, cloud.Instance{ID: 8, Name: other})
			got := newClaims("f", test.droplets, test.bots, pass).isClaimed(cloud.Instance{ID: 7, Name: scout})
			if got != test.want {
				t.Errorf("claimed: %v, want %v", got, test.want)
			}
		})
	}
}

func TestABotThatMayNotBeReadClaimsByItsSlot(t *testing.T) {
	scout := cloud.Instance{ID: 7, Name: machineOf("scout", "aaaaa")}
	for name, test := range map[string]struct {
		slot string
		want bool
	}{
		"its slot":                         {"tenant/scout", true},
		"another's":                        {"tenant/hawk", false},
		"one of that name elsewhere":       {"elsewhere/scout", false},
		"one of a namespace that was read": {"watched/scout", false},
	} {
		account := spawnv1.Account{Status: spawnv1.AccountStatus{Slots: map[string]spawnv1.Slot{test.slot: {UID: "uid"}}}}
		c := newClaims("f", nil, nil, passAt(t, noon, scout))
		c.addUnread([]spawnv1.Account{{}, account}, scope.Namespaces{"watched"})
		if got := c.isClaimed(scout); got != test.want {
			t.Errorf("%s: claimed: %v, want %v", name, got, test.want)
		}
		c.addUnread([]spawnv1.Account{account}, scope.Namespaces{"tenant", "elsewhere"})
		if got := c.isClaimed(scout); got != test.want {
			t.Errorf("%s: claimed when its namespace was read: %v, want %v", name, got, test.want)
		}
	}
}

func TestWhatIsOurs(t *testing.T) {
	ours := identity.FleetTag("f")
	for name, test := range map[string]struct {
		tags []string
		want bool
	}{
		"no tag":                  {nil, false},
		"the product's tag":       {[]string{spawnv1.ProductTag}, false},
		"our tag":                 {[]string{"u:desk", ours}, true},
		"our tag and a neighbour": {[]string{ours, identity.FleetTag("g")}, false},
		"a neighbour":             {[]string{identity.FleetTag("g")}, false},
		"a longer fleet id":       {[]string{ours + "-2"}, false},
		"a user's tag like ours":  {[]string{spawnv1.UserTagPrefix + ours}, false},
	} {
		if got := isOurs(cloud.Instance{Tags: test.tags}, "f"); got != test.want {
			t.Errorf("%s: ours: %v, want %v", name, got, test.want)
		}
	}
}

func TestWhenAnOrphanIsRipe(t *testing.T) {
	old := noon.Add(-2 * time.Hour)
	for name, test := range map[string]struct {
		passes  int
		created time.Time
		want    bool
	}{
		"seen often enough and old": {3, old, true},
		"exactly as old":            {3, noon.Add(-time.Hour), true},
		"a moment too young":        {3, noon.Add(-time.Hour + 1), false},
		"one sighting too few":      {2, old, false},
		"from the future":           {9, noon.Add(time.Hour), false},
		"of unknown age":            {9, time.Time{}, false},
	} {
		known := sighting{instance: cloud.Instance{CreatedAt: test.created}, passes: test.passes}
		if got := known.isRipe(3, time.Hour, noon); got != test.want {
			t.Errorf("%s: ripe: %v, want %v", name, got, test.want)
		}
	}
}

func TestOnlyPassesThatBeganLaterCount(t *testing.T) {
	seen := sightings{}
	one := []cloud.Instance{{ID: 7, Name: "a"}}
	update := func(began time.Time, now time.Duration, orphans []cloud.Instance) []*sighting {
		return seen.update(orphans, passAt(t, began), noon.Add(now))
	}
	update(noon, time.Minute, one)
	update(noon.Add(time.Second), 2*time.Minute, one) // it began before we first saw it
	if got := seen[7].passes; got != 0 {
		t.Errorf("an older pass counts: %d", got)
	}
	update(noon.Add(2*time.Minute), 3*time.Minute, one)
	if got := seen[7].passes; got != 1 || seen.confirmed() != 1 {
		t.Errorf("%d passes, want 1", got)
	}
	one[0].Name = "b"
	if update(noon.Add(4*time.Minute), 5*time.Minute, one); seen[7].passes != 0 {
		t.Error("another name is another sighting")
	}
	if ended := update(noon.Add(6*time.Minute), 7*time.Minute, nil); len(ended) != 1 || len(seen) != 0 {
		t.Errorf("ended %v, left %v", ended, seen)
	}
}

func TestWhatTheBreakerTakesForNormal(t *testing.T) {
	for name, test := range map[string]struct {
		f      facts
		normal bool
	}{
		"nothing":                         {facts{}, true},
		"an empty cluster and no orphan":  {facts{instances: 0}, true},
		"an empty cluster and one orphan": {facts{orphans: 1, instances: 1}, false},
		"Bots alone":                      {facts{orphans: 1, instances: 1, bots: 1}, true},
		"Droplets alone":                  {facts{orphans: 1, instances: 2, droplets: 1}, true},
		"5 orphans of a small fleet":      {facts{orphans: 5, instances: 6, bots: 1}, true},
		"6 orphans of a small fleet":      {facts{orphans: 6, instances: 100, bots: 94}, false},
		"1 % of a large fleet":            {facts{orphans: 20, instances: 2000, bots: 1980}, true},
		"more than 1 % of a large fleet":  {facts{orphans: 21, instances: 2000, bots: 1980}, false},
		"2 of 3 objects lost":             {facts{lost: 2, droplets: 1, bots: 1}, true},
		"3 of 15 objects lost":            {facts{lost: 3, droplets: 12}, true},
		"3 of 14 objects lost":            {facts{lost: 3, droplets: 11}, false},
	} {
		if got := test.f.alarm(); (got == "") != test.normal {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheBreakerClosesByItself(t *testing.T) {
	var b breaker
	bad, good := facts{orphans: 9, instances: 9, bots: 1}, facts{orphans: 1, instances: 9, bots: 1}
	for step, test := range []struct {
		suspected, confirmed facts
		blocked, opened      bool
	}{
		{good, good, false, false},
		{bad, good, true, false}, // a single pass blocks, and is not told
		{good, good, false, false},
		{bad, bad, true, true},
		{bad, bad, true, false}, // told once
		{good, good, true, false},
		{bad, good, true, false}, // from the beginning
		{good, good, true, false},
		{good, good, false, false},
	} {
		blocked, opened := b.judge(test.suspected, test.confirmed, 2, noon)
		if blocked != test.blocked || opened != test.opened {
			t.Errorf("step %d: blocked %v, opened %v", step, blocked, opened)
		}
	}
	if b.isCalm(time.Hour, noon.Add(time.Hour-1)) || !b.isCalm(time.Hour, noon.Add(time.Hour)) {
		t.Error("it is not calm exactly an hour after it has closed")
	}
}

func TestAFallIsRememberedUntilItIsMended(t *testing.T) {
	f := newFall()
	instances := []cloud.Instance{{ID: 1, Name: "a"}, {ID: 2, Name: "b"}, {ID: 3, Name: "c"}, {ID: 5, Name: "renamed"}}
	lost := func(objects map[string]object, instances ...cloud.Instance) int {
		f.update(objects, passAt(t, noon, instances...))
		return len(f.lost)
	}
	all := map[string]object{
		"a": {instanceID: 1}, "b": {}, "c": {instanceID: 3, deleting: true}, "d": {instanceID: 4}, "e": {instanceID: 5},
	}
	if n := lost(all, instances...); n != 0 {
		t.Errorf("%d lost at first", n)
	}
	// c was being deleted, and d's instance is gone with it: that is how Droplets end.
	if n := lost(nil, instances...); n != 3 || f.confirmed() != 0 {
		t.Errorf("%d lost, want a, b and e", n)
	}
	if n := lost(map[string]object{"b": {}}, instances...); n != 2 || f.confirmed() != 2 {
		t.Errorf("%d lost after b is back, %d confirmed, want 2 and 2", n, f.confirmed())
	}
	if n := lost(map[string]object{"b": {}}, instances[1:3]...); n != 0 {
		t.Errorf("%d lost after the instances of a and e are gone", n)
	}
}
