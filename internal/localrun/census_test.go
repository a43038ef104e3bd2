// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestCensusCountsInstancesAndCalls(t *testing.T) {
	instances := []dosim.Instance{
		{ID: 1, Name: "scout-a", DestroyedAt: time.Unix(1, 0)}, {ID: 2, Name: "scout-a"}, {ID: 3, Name: "hawk-a"},
	}
	journal := []dosim.Entry{
		{Method: "POST", Route: "/v2/droplets"},
		{Method: "POST", Route: "/v2/droplets"},
		{Method: "GET", Route: "/v2/droplets", Query: "page=1&tag_name=fleet"},
		{Method: "GET", Route: "/v2/droplets", Query: "name=scout-a"},
		{Method: "GET", Route: "/v2/droplets/{id}", Path: "/v2/droplets/1"},
		{Method: "GET", Path: "/v3/nonsense"},
	}
	want := Census{
		Created: 3, Live: 2, Twice: []string{"scout-a"},
		Calls: map[string]int{
			CreateRoute: 2, InventoryRoute: 1, FindRoute: 1, "GET /v2/droplets/{id}": 1, "GET /v3/nonsense": 1,
		},
	}
	if diff := cmp.Diff(want, takeCensus(instances, journal)); diff != "" {
		t.Error(diff)
	}
}

func TestCensusCheckNamesEveryThingThatIsWrong(t *testing.T) {
	good := Census{Created: 2, Calls: map[string]int{CreateRoute: 2}}
	if err := good.Check(2); err != nil {
		t.Errorf("a fleet that came and went is called wrong: %v", err)
	}
	bad := Census{Created: 3, Live: 1, Twice: []string{"scout-a"}, Calls: map[string]int{CreateRoute: 4}}
	err := bad.Check(2)
	if err == nil {
		t.Fatal("nothing is called wrong")
	}
	for _, want := range []string{"3 instances", "called 4 times", "scout-a", "1 instances are left"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}
