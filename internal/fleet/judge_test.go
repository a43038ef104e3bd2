// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

func TestAVerdictFollowsFromWhatIsKnown(t *testing.T) {
	const free = ""
	record := func(fleet, team, cluster string) *Record { return &Record{fleet, team, cluster} }
	for name, test := range map[string]struct {
		fleet              string // empty means the cluster's uid
		record             *Record
		sight              sight
		newFleet, takeOver bool
		want               string
		wantBlind          bool
		wantWrite          bool
	}{
		"everything agrees":           {record: record("here", "ours", "here"), want: free},
		"the flags need not be unset": {record: record("here", "ours", "here"), newFleet: true, takeOver: true, want: free},
		"another team": {record: record("here", "theirs", "here"), want: spawnv1.AccountMismatchReason,
			wantBlind: true},
		"another team, which no flag makes ours": {record: record("here", "theirs", "there"), newFleet: true,
			takeOver: true, want: spawnv1.AccountMismatchReason, wantBlind: true},
		"another fleet, which has Droplets here": {record: record("there", "ours", "here"), sight: sight{droplets: 1},
			want: spawnv1.FleetRecordInvalidReason, wantBlind: true},
		"another fleet, of which nothing is here": {record: record("there", "ours", "here"), want: free, wantWrite: true},
		"another fleet, of which only neighbours are here": {record: record("there", "ours", "here"),
			sight: sight{others: 1}, want: spawnv1.FleetUnacknowledgedReason},
		"a record without a team": {record: record("here", "", "here"), takeOver: true,
			want: spawnv1.FleetRecordInvalidReason, wantBlind: true},
		"another cluster": {fleet: "there", record: record("there", "ours", "there"),
			want: spawnv1.FleetOfAnotherClusterReason},
		"another cluster, taken over": {fleet: "there", record: record("there", "ours", "there"), takeOver: true,
			want: free, wantWrite: true},

		"a new fleet, alone":         {want: free, wantWrite: true},
		"a new fleet beside another": {sight: sight{others: 3}, want: spawnv1.FleetUnacknowledgedReason},
		"a new fleet beside another, acknowledged": {sight: sight{others: 3}, newFleet: true, want: free,
			wantWrite: true},
		"neighbours, and a create in doubt": {sight: sight{others: 3, doubts: 1},
			want: spawnv1.FleetUnacknowledgedReason, wantBlind: true},
		"the record was lost": {sight: sight{own: 2, recorded: 2, seen: 2}, want: free, wantWrite: true},
		"the record was lost, and there are neighbours": {sight: sight{own: 2, others: 3}, want: free,
			wantWrite: true},
		"the record and all but one instance were lost": {sight: sight{own: 1, recorded: 4, seen: 1}, want: free,
			wantWrite: true},
		"the record was lost, and the token is another team's": {sight: sight{recorded: 2},
			want: spawnv1.AccountMismatchReason, wantBlind: true},
		"the same, and that team has a fleet": {sight: sight{recorded: 2, others: 9}, newFleet: true,
			want: spawnv1.AccountMismatchReason, wantBlind: true},
		"the record and every instance are gone": {sight: sight{recorded: 2}, takeOver: true, want: free,
			wantWrite: true},
		"a chosen fleet id whose record was lost": {fleet: "prod", sight: sight{own: 2}, want: free, wantWrite: true},
		"a chosen fleet id that is new":           {fleet: "prod", want: free, wantWrite: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts{
				who: Identity{Fleet: test.fleet, Cluster: "here"}, team: cloud.Team{UUID: "ours", Name: "Desk 7"},
				record: test.record, sight: test.sight, newFleet: test.newFleet, takeOver: test.takeOver,
			}
			if f.who.Fleet == "" {
				f.who.Fleet = f.who.Cluster
			}
			v, write := judge(f)
			if v == nil {
				v = &verdict{}
			}
			if v.reason != test.want || v.blind != test.wantBlind || write != test.wantWrite {
				t.Errorf("got %q (blind: %v, write: %v), want %q (blind: %v, write: %v): %s",
					v.reason, v.blind, write, test.want, test.wantBlind, test.wantWrite, v.message)
			}
			if v.reason != "" && (v.message == "" || v.again <= 0 || v.kind != cloud.Frozen) {
				t.Errorf("a verdict that nobody can act on, or that stands for ever: %+v", v)
			}
		})
	}
}
