// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"testing"

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

func TestAPassBelongsToNobody(t *testing.T) {
	list := []cloud.Instance{instance(2, "b"), instance(1, "a")}
	pass := newPass(list)
	list[0].Name = "spoiled"
	pass.ByName("a")[0].Name = "spoiled"
	if diff := cmp.Diff([]string{"a/1", "b/2"}, names(pass.instances)); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkPass measures everything that follows the cloud's answer.
func BenchmarkPass(b *testing.B) {
	for _, size := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			f := &fleet{}
			i, _ := newInventory(f)
			f.set(bots(size)...)
			b.ReportAllocs()
			for b.Loop() {
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
