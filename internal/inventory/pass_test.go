// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func TestPassFindsInstances(t *testing.T) {
	pass := newPass([]cloud.Instance{
		instance(9, "scout-abcdefgh00002"), instance(3, "scout-abcdefgh00002"), instance(5, "scout-abcdefgh00001"),
		instance(1, "hawk-abcdefgh00001"), instance(2, "scout-abcdefgh0000"), instance(4, "scout-abcdefgh000011"),
		instance(6, "scout-abcdefgh0000-"), instance(7, "scout-abcdefgh0000A"), instance(8, "scout-abcdefghzzzzz"),
		instance(10, "scout-abcdefgg00001"), instance(11, "scout-abcdefgi00001"), instance(12, "SCOUT-abcdefgh00001"),
		instance(13, "a-scout-abcdefgh00001"), instance(14, "scout-abcdefgh0000é"),
	})
	if pass.Len() != 14 {
		t.Errorf("%d instances", pass.Len())
	}
	for what, tc := range map[string]struct {
		got  []cloud.Instance
		want []string
	}{
		"by a name that two have": {
			pass.ByName("scout-abcdefgh00002"), []string{"scout-abcdefgh00002/3", "scout-abcdefgh00002/9"},
		},
		"by the first name":          {pass.ByName("SCOUT-abcdefgh00001"), []string{"SCOUT-abcdefgh00001/12"}},
		"by a name before all":       {pass.ByName("A"), []string{}},
		"by a name after all":        {pass.ByName("z"), []string{}},
		"by the beginning of a name": {pass.ByName("scout-abcdefgh000"), []string{}},
		"by no name":                 {pass.ByName(""), []string{}},
		"matching a bot, oldest first": {
			pass.Matching("scout-abcdefgh", 5), []string{
				"scout-abcdefgh00002/3", "scout-abcdefgh00001/5", "scout-abcdefghzzzzz/8", "scout-abcdefgh00002/9",
			},
		},
		"matching a shorter suffix": {pass.Matching("scout-abcdefgh", 4), []string{"scout-abcdefgh0000/2"}},
		"matching without a suffix": {pass.Matching("hawk-abcdefgh00001", 0), []string{"hawk-abcdefgh00001/1"}},
		"matching nothing":          {pass.Matching("owl-abcdefgh", 5), []string{}},
	} {
		if diff := cmp.Diff(tc.want, names(tc.got)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	if got, ok := pass.ByID(9); !ok || got.Name != "scout-abcdefgh00002" {
		t.Errorf("by id: %v %v", got, ok)
	}
	if _, ok := pass.ByID(15); ok {
		t.Error("an id that nobody has is found")
	}
	count := 0
	for range pass.All() {
		count++
	}
	if count != 14 {
		t.Errorf("%d of all", count)
	}
}

func TestTheZeroPassIsAnEmptyFleet(t *testing.T) {
	var pass Pass
	if _, ok := pass.ByID(1); ok || pass.Len() != 0 || len(pass.ByName("a")) != 0 || len(pass.Matching("a", 1)) != 0 {
		t.Error("the zero Pass is not empty")
	}
}

func TestChangedNamesWhatChanged(t *testing.T) {
	with := func(i cloud.Instance, change func(*cloud.Instance)) cloud.Instance { change(&i); return i }
	a, b, c := instance(1, "a"), instance(2, "b"), instance(3, "c")
	list := func(l ...cloud.Instance) []cloud.Instance { return l }
	for name, tc := range map[string]struct {
		before, now []cloud.Instance
		want        []string
	}{
		"nothing":           {list(a, b), list(b, a), nil},
		"from nothing":      {nil, list(b, a), []string{"a", "b"}},
		"to nothing":        {list(a, b), nil, []string{"a", "b"}},
		"appeared first":    {list(b, c), list(a, b, c), []string{"a"}},
		"appeared last":     {list(a, b), list(a, b, c), []string{"c"}},
		"disappeared":       {list(a, b, c), list(a, c), []string{"b"}},
		"one for another":   {list(a), list(b), []string{"a", "b"}},
		"state":             {list(a, b), list(a, with(b, func(i *cloud.Instance) { i.State = cloud.StateOff })), []string{"b"}},
		"tag":               {list(a, b), list(a, with(b, func(i *cloud.Instance) { i.Tags = nil })), []string{"b"}},
		"renamed":           {list(a, b), list(a, with(b, func(i *cloud.Instance) { i.Name = "z" })), []string{"b", "z"}},
		"renamed to a twin": {list(a, b), list(a, with(b, func(i *cloud.Instance) { i.Name = "a" })), []string{"a", "b"}},
		"another of a name": {list(a), list(a, with(b, func(i *cloud.Instance) { i.Name = "a" })), []string{"a"}},
		"replaced in place": {list(a), list(with(b, func(i *cloud.Instance) { i.Name = "a" })), []string{"a"}},
		"the same time in another zone": {
			list(a), list(with(a, func(i *cloud.Instance) { i.CreatedAt = i.CreatedAt.In(time.FixedZone("x", 3600)) })), nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := newPass(tc.now).since(newPass(tc.before)).Changed()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPassBelongsToNobody(t *testing.T) {
	list := []cloud.Instance{instance(2, "b"), instance(1, "a")}
	pass := newPass(list).since(Pass{})
	list[0].Name = "spoiled"
	pass.ByName("a")[0].Name = "spoiled"
	pass.Changed()[0] = "spoiled"
	if diff := cmp.Diff([]string{"a/1", "b/2"}, names(pass.instances)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, pass.Changed()); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkPass measures everything that follows the cloud's answer, for a fleet of which one instance in a hundred
// has changed.
func BenchmarkPass(b *testing.B) {
	for _, size := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			calm := bots(size)
			busy := bots(size)
			for i := 0; i < size; i += 100 {
				busy[i].State = cloud.StateOff
			}
			f := &fleet{}
			i, _ := newInventory(f)
			i.OnPass(func(p Pass) {
				if p.Number > 1 && len(p.Changed()) != size/100 {
					b.Errorf("%d changed", len(p.Changed()))
				}
			})
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				f.set(calm...)
				if n%2 == 1 {
					f.set(busy...)
				}
				if err := i.Refresh(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatching(b *testing.B) {
	pass := newPass(bots(10_000))
	b.ReportAllocs()
	for b.Loop() {
		if len(pass.Matching("bot-05000-abcdefgh", 5)) != 1 {
			b.Fatal("not found")
		}
	}
}
