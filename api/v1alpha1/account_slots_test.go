// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// slots gives the account a slot for each of the named bots, and no other.
func slots(names ...string) change {
	taken := map[string]any{}
	for _, name := range names {
		taken[name] = map[string]any{"reservedAt": "2026-08-20T12:00:00Z"}
	}
	return func(o *object) { put(o, "status.slots", taken) }
}

const allTaken = "every slot of the account is taken: another bot needs one to be deleted first, " +
	"or a higher tier or maxBots"

// tooMany is what the API server answers when the limit stands in the way.
var tooMany = row{wantField: "status.slots", wantMessage: allTaken}

func TestAccountSlotsGrowOnlyToTheLimit(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		spec          change
		before, after change
		row
	}{
		"Free has none":         {set("spec.tier", "Free"), slots(), slots("a/1"), tooMany},
		"Basic has a first":     {set("spec.tier", "Basic"), slots(), slots("a/1"), row{}},
		"Basic has two at once": {set("spec.tier", "Basic"), slots(), slots("a/1", "a/2"), row{}},
		"Basic has no third": {
			set("spec.tier", "Basic"), slots("a/1", "a/2"), slots("a/1", "a/2", "a/3"), tooMany,
		},
		"Pro has a fourth": {
			set("spec.tier", "Pro"), slots(many(3, "a/%d")...), slots(many(4, "a/%d")...), row{},
		},
		"Pro has no fifth": {
			set("spec.tier", "Pro"), slots(many(4, "a/%d")...), slots(many(5, "a/%d")...), tooMany,
		},
		"maxBots 1 lowers Pro": {
			both(set("spec.tier", "Pro"), set("spec.maxBots", "1")), slots("a/1"), slots("a/1", "a/2"), tooMany,
		},
		"maxBots 5 raises Free": {
			both(set("spec.tier", "Free"), set("spec.maxBots", "5")), slots(many(4, "a/%d")...),
			slots(many(5, "a/%d")...), row{},
		},
		"maxBots 5 has no sixth": {
			set("spec.maxBots", "5"), slots(many(5, "a/%d")...), slots(many(6, "a/%d")...), tooMany,
		},
		"maxBots 0 has none":               {set("spec.maxBots", "0"), slots(), slots("a/1"), tooMany},
		"maxBots 100 has a hundredth":      {set("spec.maxBots", "100"), slots(), slots(many(100, "a/%d")...), row{}},
		"maxBots 100 has no more":          {set("spec.maxBots", "100"), slots(), slots(many(101, "a/%d")...), tooMany},
		"at the limit one is exchanged":    {both(), slots("a/1", "a/2"), slots("a/1", "a/3"), row{}},
		"at the limit one is given back":   {both(), slots("a/1", "a/2"), slots("a/2"), row{}},
		"the same name elsewhere is a bot": {both(), slots("a/1", "b/1"), slots("a/1", "b/1", "c/1"), tooMany},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := stored(t, minimalAccount, r.spec)
			writeStatus(t, account, r.before)
			r.after(account)
			r.expect(t, api.Status().Update(t.Context(), account, client.DryRunAll))
		})
	}
}

func TestAccountSlotsOverTheLimit(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		after change
		row
	}{
		"stay as they are":            {slots("a/0", "a/1", "a/2", "a/3"), row{}},
		"shrink and stay over it":     {slots("a/0", "a/1", "a/2"), row{}},
		"shrink to none":              {slots(), row{}},
		"are removed as a whole":      {unset("status.slots"), row{}},
		"are stamped anew":            {set("status.slots.a/3", "{uid: x, reservedAt: '2026-08-21T12:00:00Z'}"), row{}},
		"do not grow":                 {slots("a/0", "a/1", "a/2", "a/3", "a/4"), tooMany},
		"are not exchanged":           {slots("a/0", "a/1", "a/2", "a/9"), tooMany},
		"are not exchanged shrinking": {slots("a/0", "a/1", "a/9"), tooMany},
		"are exchanged at the limit":  {slots("a/0", "a/9"), row{}},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := stored(t, minimalAccount, set("spec.tier", "Pro"))
			writeStatus(t, account, slots(many(4, "a/%d")...))

			set("spec.tier", "Basic")(account)
			if err := api.Update(t.Context(), account); err != nil {
				t.Fatalf("downgrading an account with slots: %v", err)
			}

			r.after(account)
			r.expect(t, api.Status().Update(t.Context(), account, client.DryRunAll))
		})
	}
}

func TestAccountSlotsOverTheLimitStopNoOtherWrite(t *testing.T) {
	t.Parallel()
	account := stored(t, minimalAccount, set("spec.tier", "Pro"))
	writeStatus(t, account, slots(many(4, "a/%d")...))
	for name, c := range map[string]change{
		"downgrading":  both(set("spec.tier", "Free"), set("spec.maxBots", "0")),
		"suspending":   set("spec.desiredState", "Suspended"),
		"labelling":    set("metadata.labels", "{a: b}"),
		"a finalizer":  list("metadata.finalizers", "spawn.cedros.io/account"),
		"no finalizer": unset("metadata.finalizers"),
	} {
		c(account)
		if err := api.Update(t.Context(), account); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	writeStatus(t, account, both(set("status.limit", "0"), conditions(1)))
}

func TestAccountSlotIsReservedByMergePatchAndRefusedByCause(t *testing.T) {
	t.Parallel()
	account := stored(t, minimalAccount, set("spec.maxBots", "1"))
	reserve := func(bot string) error {
		patch, err := json.Marshal(map[string]any{"status": map[string]any{"slots": map[string]any{
			bot: map[string]any{"reservedAt": "2026-08-20T12:00:00Z"},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		named := manifest(t, minimalAccount)
		named.SetName(account.GetName())
		return api.Status().Patch(t.Context(), named, client.RawPatch(types.MergePatchType, patch))
	}

	for range 2 {
		if err := reserve("desk/scout"); err != nil {
			t.Fatalf("reserving a slot, or the same again: %v", err)
		}
	}
	err := reserve("desk/hawk")

	tooMany.expect(t, err)
	if cause := causesOf(t, err)[0]; cause.Type != metav1.CauseTypeForbidden {
		t.Errorf("cause %q, want %q: by it the limit is told from any other 422", cause.Type, metav1.CauseTypeForbidden)
	}
}

// writeStatus stores a status.
func writeStatus(t *testing.T, o *object, c change) {
	t.Helper()
	c(o)
	if err := api.Status().Update(t.Context(), o); err != nil {
		t.Fatalf("writing the status: %v", err)
	}
}
