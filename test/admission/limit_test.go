// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// attempts is how many create at once.
const attempts = 10

func TestCRIT002_ExactlyTheLimitIsAccepted(t *testing.T) {
	t.Parallel()
	for _, limit := range []struct{ bots, rounds int }{{1, 500}, {2, 100}, {4, 100}} {
		for lane := range lanes {
			t.Run(fmt.Sprintf("limit %d, lane %d", limit.bots, lane), func(t *testing.T) {
				t.Parallel()
				account := fmt.Sprintf("limit-%d-%d", limit.bots, lane)
				givenAccount(t, account, int32(limit.bots))
				judged, rounds := 0, limit.rounds/lanes
				for round := range rounds {
					if stormOnce(t, account, limit.bots, round) {
						judged++
					}
				}
				if t.Logf("in %d of %d rounds all were judged in time", judged, rounds); judged < rounds*9/10 {
					t.Error("that is too few to tell")
				}
			})
		}
	}
}

// stormOnce has ten Bots created at once, and takes away what was. It tells whether all were judged in time.
func stormOnce(t *testing.T, account string, limit, round int) bool {
	t.Helper()
	var bots []*spawnv1.Bot
	for i := range attempts {
		bots = append(bots, newBot(account, fmt.Sprintf("%s-r%d-%d", account, round, i)))
	}
	got := tally(all(t.Context(), bots))
	if !got.is(limit) {
		t.Fatalf("round %d: %s", round, got)
	}
	for _, refusal := range got.refusals {
		// Whoever was refused was so because others had the slots; one of them may since have been given back.
		for _, said := range []string{fmt.Sprintf("account %q", account), "Basic", fmt.Sprintf("allows %d bot", limit)} {
			if !strings.Contains(refusal, said) {
				t.Fatalf("a refusal does not say %q: %s", said, refusal)
			}
		}
		if got.unjudged == 0 && !strings.Contains(refusal, got.accepted[0]) {
			t.Fatalf("a refusal does not name %s, which has a slot: %s", got.accepted[0], refusal)
		}
	}
	now := accountNow(t, account)
	if len(now.Status.Slots) != limit {
		t.Fatalf("round %d: %d slots at limit %d", round, len(now.Status.Slots), limit)
	}
	if err := removeBots(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	return got.unjudged == 0
}

func TestCRIT002_OneNameTakesOneSlot(t *testing.T) {
	givenAccount(t, "one-name", 2)
	for round := range 20 {
		var bots []*spawnv1.Bot
		for range attempts {
			bots = append(bots, newBot("one-name", fmt.Sprintf("same-%d", round)))
		}
		got := tally(all(t.Context(), bots))
		for _, err := range got.others {
			if !apierrors.IsAlreadyExists(err) {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if len(got.accepted) != 1 || len(got.refusals) > 0 {
			t.Fatalf("round %d: %s", round, got)
		}
		slotsAreBots(t, "one-name", 1)
		if err := removeBots(t.Context(), "one-name"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCRIT002_GeneratedNamesAreCountedToo(t *testing.T) {
	givenAccount(t, "generated", 2)
	var bots []*spawnv1.Bot
	for range attempts {
		bot := newBot("generated", "")
		bot.GenerateName = "gen-"
		bots = append(bots, bot)
	}
	if got := tally(all(t.Context(), bots)); !got.is(2) {
		t.Fatal(got)
	}
	slotsAreBots(t, "generated", 2)
}

func TestCRIT002_ServerSideApplyIsCountedToo(t *testing.T) {
	givenAccount(t, "applied", 1)
	answers := make(chan answer, attempts)
	for i := range attempts {
		go func() {
			name := fmt.Sprintf("applied-%d", i)
			manifest := unstructuredBot("applied", name)
			err := shared.api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(manifest),
				client.FieldOwner("gitops"), client.ForceOwnership)
			answers <- answer{name, err}
		}()
	}
	var said []answer
	for range attempts {
		said = append(said, <-answers)
	}
	got := tally(said)
	if !got.is(1) || len(got.accepted) == 0 {
		t.Fatal(got)
	}
	slotsAreBots(t, "applied", 1)
	// Who applies the same once more is not refused for want of a second slot.
	manifest := unstructuredBot("applied", got.accepted[0])
	err := shared.api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(manifest), client.FieldOwner("gitops"))
	if err != nil {
		t.Errorf("applying once more: %v", err)
	}
}

func TestCRIT002_ADryRunTakesNoSlot(t *testing.T) {
	givenAccount(t, "dry", 1)
	for range 10 {
		var bots []*spawnv1.Bot
		for i := range attempts {
			bots = append(bots, newBot("dry", fmt.Sprintf("dry-%d", i)))
		}
		if got := tally(all(t.Context(), bots, client.DryRunAll)); !got.is(attempts) {
			t.Errorf("while there is room, of %d dry runs: %s", attempts, got)
		}
	}
	slotsAreBots(t, "dry", 0)
	if err := shared.api.Create(t.Context(), newBot("dry", "wet")); err != nil {
		t.Fatal(err)
	}
	if err := shared.api.Create(t.Context(), newBot("dry", "dry"), client.DryRunAll); err != nil {
		t.Errorf("a dry run at the limit: %v, want a warning", err)
	}
	slotsAreBots(t, "dry", 1)
}

func TestCRIT002_ADowngradeRacesCreates(t *testing.T) {
	t.Parallel()
	for lane := range lanes {
		t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
			t.Parallel()
			account := fmt.Sprint("downgrade-", lane)
			givenAccount(t, account, 4)
			for round := range 200 / lanes {
				downgradeOnce(t, account, round)
			}
		})
	}
}

// downgradeOnce lowers the limit while Bots are created: what is accepted has a slot, and none is given afterwards.
func downgradeOnce(t *testing.T, account string, round int) {
	t.Helper()
	setLimit(t, account, 4)
	var bots []*spawnv1.Bot
	for i := range attempts {
		bots = append(bots, newBot(account, fmt.Sprintf("%s-r%d-%d", account, round, i)))
	}
	lowered := make(chan int, 1)
	go func() {
		setLimit(t, account, 1)
		lowered <- len(accountNow(t, account).Status.Slots)
	}()
	got := tally(all(t.Context(), bots))
	then, now := <-lowered, len(accountNow(t, account).Status.Slots)
	whole := len(got.accepted) == now || got.unjudged > 0 && len(got.accepted) < now
	if len(got.others) > 0 || !whole || now > 4 || now < 1 || now > max(then, 1) {
		t.Fatalf("round %d: %s; %d slots, and there were %d when the limit became 1", round, got, now, then)
	}
	if err := removeBots(t.Context(), account); err != nil {
		t.Fatal(err)
	}
}

func TestCRIT002_NamesThatComeAndGo(t *testing.T) {
	givenAccount(t, "come-and-go", 2)
	for range 30 {
		var bots []*spawnv1.Bot
		for i := range attempts {
			bots = append(bots, newBot("come-and-go", fmt.Sprintf("again-%d", i%4)))
		}
		got := tally(all(t.Context(), bots))
		now := len(accountNow(t, "come-and-go").Status.Slots)
		if len(got.accepted) > now || now > 2 || got.unjudged == 0 && len(got.accepted) != now {
			t.Fatalf("%s; %d slots at limit 2", got, now)
		}
		if err := removeBots(t.Context(), "come-and-go"); err != nil {
			t.Fatal(err)
		}
	}
}
