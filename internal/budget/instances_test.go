// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// recorder is a cloud that notes what it is asked.
type recorder struct {
	cloud.API // calls that no test makes

	mu    sync.Mutex
	calls []string
	fleet int
	err   error
}

func (r *recorder) note(call string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
	return r.err
}

func (r *recorder) Create(context.Context, cloud.InstanceRequest) (cloud.Instance, error) {
	return cloud.Instance{ID: 7}, r.note("create")
}

func (r *recorder) Get(context.Context, int64) (cloud.Instance, error) {
	return cloud.Instance{}, r.note("get")
}

func (r *recorder) FindByName(context.Context, string) ([]cloud.Instance, error) {
	return nil, r.note("find")
}

func (r *recorder) ListByTag(context.Context, string) ([]cloud.Instance, error) {
	return make([]cloud.Instance, r.fleet), r.note("list")
}

func (r *recorder) Act(context.Context, int64, cloud.ActionRequest) (cloud.Action, error) {
	return cloud.Action{ID: 8}, r.note("act")
}

func (r *recorder) Tag(context.Context, int64, string) error { return r.note("tag") }

func (r *recorder) Delete(context.Context, int64) error { return r.note("delete") }

func TestTheClassFollowsFromTheMethod(t *testing.T) {
	for name, tc := range map[string]struct {
		call func(ctx context.Context, i *Instances) error
		want Class
	}{
		"a poll": {func(ctx context.Context, i *Instances) error {
			_, err := i.For("a", "n/a").Get(ctx, 1)
			return err
		}, Read},
		"a pass": {func(ctx context.Context, i *Instances) error {
			_, err := i.For("", "").ListByTag(ctx, "tag")
			return err
		}, Read},
		"a look": {func(ctx context.Context, i *Instances) error {
			_, err := i.For("a", "n/a").FindByName(ctx, "a")
			return err
		}, Act},
		"a create": {func(ctx context.Context, i *Instances) error {
			_, err := i.For("a", "n/a").Create(ctx, cloud.InstanceRequest{})
			return err
		}, Act},
		"room for a create": {func(_ context.Context, i *Instances) error {
			_, err := i.ForCreate("a", "n/a")
			return err
		}, Act},
		"a destruction": {func(ctx context.Context, i *Instances) error {
			return i.For("a", "n/a").Delete(ctx, 1)
		}, Destroy},
		"a look that resolves": {func(ctx context.Context, i *Instances) error {
			_, err := i.ForDestroy("a", "n/a").FindByName(ctx, "a")
			return err
		}, Destroy},
		"a look that confirms": {func(ctx context.Context, i *Instances) error {
			_, err := i.ForDestroy("a", "n/a").Get(ctx, 1)
			return err
		}, Destroy},
	} {
		t.Run(name, func(t *testing.T) {
			for left, admitted := range map[int][]Class{5000: {Destroy, Act, Read}, 600: {Destroy, Act}, 100: {Destroy}, 0: {}} {
				b, r := warm(t), &recorder{}
				b.told(left)
				err := tc.call(t.Context(), NewInstances(b.Budget, r))
				if slices.Contains(admitted, tc.want) {
					if err != nil {
						t.Errorf("%d left: %v", left, err)
					}
					continue
				}
				refusal := throttle(t, err)
				if refusal.RetryAfter <= 0 || refusal.Message != Hour.Sentence() || len(r.calls) > 0 {
					t.Errorf("%d left: %+v, calls %v", left, refusal, r.calls)
				}
			}
		})
	}
}

func TestRoomForALookAndACreateIsTakenTogether(t *testing.T) {
	b, r := warm(t), &recorder{}
	i := NewInstances(b.Budget, r)
	b.told(252) // one more than what Act leaves to others is not enough for two
	b.want("a look", Request{Class: Act, Account: "a", Bot: "n/a"}, "")
	_, err := i.ForCreate("b", "n/b")
	_ = throttle(t, err)

	b.told(300)
	room, err := i.ForCreate("b", "n/b")
	if err != nil {
		t.Fatal(err)
	}
	b.told(252)
	if _, err := room.FindByName(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if _, err := room.Create(t.Context(), cloud.InstanceRequest{}); err != nil {
		t.Error(err)
	}
	room.Release()
	if !slices.Equal(r.calls, []string{"find", "create"}) {
		t.Errorf("calls %v", r.calls)
	}
}

func TestRoomThatIsNotUsedIsGivenBack(t *testing.T) {
	b := warm(t)
	i := NewInstances(b.Budget, &recorder{})
	for range 500 { // far more than an hour has, if each kept two
		room, err := i.ForCreate("a", "n/a")
		if err != nil {
			t.Fatal(err)
		}
		room.Release()
		room.Release()
		b.clock.Step(time.Second)
	}
	l := b.current()
	if l.hour.left(b.clock.Now(), 0) != 5000 || l.minute.all.count(b.clock.Now()) != 0 || l.hour.inFlight != 0 {
		t.Errorf("not all was given back: %+v", l.hour)
	}
}

func TestACreateIsNotSentIntoAPause(t *testing.T) {
	b, r := warm(t), &recorder{}
	room, err := NewInstances(b.Budget, r).ForCreate("a", "n/a")
	if err != nil {
		t.Fatal(err)
	}
	defer room.Release()
	if _, err := room.FindByName(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	b.Observe(cloud.Answer{Status: 429, RetryAfter: 30 * time.Second})
	_, err = room.Create(t.Context(), cloud.InstanceRequest{})
	if refusal := throttle(t, err); refusal.RetryAfter != 30*time.Second || slices.Contains(r.calls, "create") {
		t.Errorf("%+v, calls %v", refusal, r.calls)
	}
}

func TestOnlyMachinesThatMayExistCountForABot(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want Reason
	}{
		"refused by the cloud": {&cloud.Error{Kind: cloud.Exhausted}, ""},
		"made":                 {nil, Bot},
		"in doubt":             {errors.New("who knows"), Bot},
	} {
		t.Run(name, func(t *testing.T) {
			b, r := warm(t), &recorder{err: tc.err}
			i := NewInstances(b.Budget, r)
			for range botOperations {
				if room, err := i.ForCreate("a", "n/a"); err == nil {
					_, _ = room.Create(t.Context(), cloud.InstanceRequest{})
					room.Release()
				}
				b.callThen(Request{Class: Destroy}, nil) // the cloud is not down
				b.clock.Step(31 * time.Second)
			}
			b.told(2400)
			b.want("after six", act("a", "n/a"), tc.want)
		})
	}
}

func TestWhatABotDoesToItsMachineCounts(t *testing.T) {
	act := func(kind cloud.ActionType) func(context.Context, cloud.API) error {
		return func(ctx context.Context, api cloud.API) error {
			_, err := api.Act(ctx, 1, cloud.ActionRequest{Type: kind})
			return err
		}
	}
	for name, tc := range map[string]struct {
		call           func(context.Context, cloud.API) error
		counts, heldUp bool
	}{
		"shutdown":  {act(cloud.ActionShutdown), true, false},
		"power off": {act(cloud.ActionPowerOff), true, false},
		"snapshot":  {act(cloud.ActionSnapshot), true, false},
		"power on":  {act(cloud.ActionPowerOn), true, true},
		"resize":    {act(cloud.ActionResize), true, true},
		"rename":    {act(cloud.ActionRename), false, false},
		"a create": {func(ctx context.Context, api cloud.API) error {
			_, err := api.Create(ctx, cloud.InstanceRequest{})
			return err
		}, true, true},
		"a destruction": {func(ctx context.Context, api cloud.API) error { return api.Delete(ctx, 1) }, true, false},
		"a tag":         {func(ctx context.Context, api cloud.API) error { return api.Tag(ctx, 1, "tag") }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, r := warm(t), &recorder{}
			i := NewInstances(b.Budget, r)
			if err := tc.call(t.Context(), i.For("a", "n/a")); err != nil {
				t.Fatal(err)
			}
			if n := b.operations("n/a"); n > 0 != tc.counts {
				t.Errorf("it counts %d", n)
			}
			b.told(2400)
			for range botOperations {
				b.operated("n/a", 0)
			}
			if err := tc.call(t.Context(), i.For("a", "n/a")); err != nil != tc.heldUp {
				t.Errorf("after too many: %v", err)
			}
			if err := tc.call(t.Context(), i.For("a", "n/b")); err != nil {
				t.Errorf("another bot: %v", err)
			}
			if err := tc.call(t.Context(), i.For("", "")); err != nil {
				t.Errorf("the fleet: %v", err)
			}
		})
	}
}

func TestAnActionThatWasNotBegunCountsForNothing(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{{&cloud.Error{Kind: cloud.Busy}, 0}, {&cloud.Error{Kind: cloud.Unavailable}, 1}, {nil, 1}} {
		b := warm(t)
		_, _ = NewInstances(b.Budget, &recorder{err: tc.err}).For("a", "n/a").
			Act(t.Context(), 1, cloud.ActionRequest{Type: cloud.ActionPowerOn})
		if n := b.operations("n/a"); n != tc.want {
			t.Errorf("%v counts %d, want %d", tc.err, n, tc.want)
		}
	}
}

func TestWhatStopsAMachineGoesFirst(t *testing.T) {
	for kind, admitted := range map[cloud.ActionType]bool{
		cloud.ActionShutdown: true, cloud.ActionPowerOff: true, cloud.ActionPowerOn: false, cloud.ActionSnapshot: false,
		cloud.ActionResize: false, cloud.ActionRename: false,
	} {
		b := warm(t)
		b.told(100) // what is kept for what destroys
		i := NewInstances(b.Budget, &recorder{})
		if _, err := i.For("a", "n/a").Act(t.Context(), 1, cloud.ActionRequest{Type: kind}); err == nil != admitted {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := i.ForDestroy("a", "n/a").Act(t.Context(), 1, cloud.ActionRequest{Type: kind}); err != nil {
			t.Errorf("%s on the way to a destruction: %v", kind, err)
		}
	}
}

func TestARemovalIsALookAndAnEnd(t *testing.T) {
	b, r := warm(t), &recorder{}
	i := NewInstances(b.Budget, r)
	room, err := i.ForRemoval("a", "n/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Get(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if err := room.Delete(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	room.Release()
	if n := b.operations("n/a"); n != 1 {
		t.Errorf("a destruction counts %d", n)
	}
	if b.HourLimit() != 5000 {
		t.Errorf("the hour has %d", b.HourLimit())
	}
	b.told(1)
	if _, err := i.ForRemoval("a", "n/a"); throttle(t, err).RetryAfter <= 0 {
		t.Errorf("room for one call: %v", err)
	}
	if want := []string{"get", "delete"}; !slices.Equal(r.calls, want) {
		t.Errorf("calls %v, want %v", r.calls, want)
	}
	b.Observe(cloud.Answer{Status: 200, Limit: 10_000, Remaining: 9_000})
	if b.HourLimit() != 10_000 {
		t.Errorf("the hour has %d, and the cloud has told 10,000", b.HourLimit())
	}
}

func TestALongListIsChargedForItsPages(t *testing.T) {
	b, r := warm(t), &recorder{fleet: 1101}
	fleet := NewInstances(b.Budget, r).For("", "")
	// The first is charged one call; the next the six pages of the first, and the one that it may have grown by.
	for i, want := range []int{199, 192} {
		if _, err := fleet.ListByTag(t.Context(), "tag"); err != nil {
			t.Fatal(err)
		}
		if left := 200 - b.current().minute.all.count(b.clock.Now()); left != want {
			t.Errorf("%d left after list %d, want %d", left, i+1, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	b := New(Options{PerMinute: 1000})
	i := NewInstances(b, &recorder{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if room, err := i.ForCreate("a", "n/a"); err == nil {
					_, _ = room.FindByName(t.Context(), "a")
					_, _ = room.Create(t.Context(), cloud.InstanceRequest{})
					room.Release()
				}
				_ = i.ForDestroy("b", "n/b").Delete(t.Context(), 1)
				_, _ = i.For("", "").ListByTag(t.Context(), "tag")
				b.Observe(cloud.Answer{Status: 200, Limit: 5000, Remaining: 4000})
			}
		})
	}
	group.Wait()
	if b.limiter.hour.inFlight != 0 {
		t.Errorf("%d calls are still under way", b.limiter.hour.inFlight)
	}
}
