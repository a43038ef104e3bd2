// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// recheck is how often a verdict is looked at again while the token stays: one call a minute is nothing beside the
	// thousands that the cloud allows in an hour, and a person who has mended something waits no longer than that.
	recheck = time.Minute
	// recheckNeighbours is longer, because the neighbours have to be listed for it, a call for every 200 of them.
	recheckNeighbours = 5 * time.Minute
)

// verdict is why calls are kept from the cloud.
type verdict struct {
	// kind is what the calls fail with: Frozen, or Unauthorized when the token is refused.
	kind cloud.Kind
	// reason is that of a condition, an event and a metric.
	reason string
	// message says what is wrong and what to do about it.
	message string
	// blind tells that answers may be about somebody else's instances, so that reads are refused as well.
	blind bool
	// again is how long the verdict stands before it is looked at anew.
	again time.Duration
}

func (v *verdict) refuse(op string) error {
	e := &cloud.Error{Kind: v.kind, Op: op, Message: v.message}
	if v.kind == cloud.Frozen {
		e.Reason = v.reason
	}
	return e
}

// facts are all that a verdict is made from.
type facts struct {
	who    Identity
	team   cloud.Team
	record *Record // nil when there is none
	sight  sight   // only when the record is not that of our fleet
	// newFleet and takeOver are what a person has said by the flags of these names.
	newFleet, takeOver bool
}

// sight is what can be seen of fleets when the record does not tell.
type sight struct {
	// droplets counts the Droplet objects.
	droplets int
	// own and others count the instances that bear our fleet's tag, and those of other fleets.
	own, others int
	// recorded counts the Droplets that say which instance is theirs, and seen those whose instance is there.
	recorded, seen int
	// doubts counts the Droplets whose create request may have been obeyed.
	doubts int
}

// judge decides whether calls may pass, and whether the record must be written for that. It is pure.
func judge(f facts) (verdict *verdict, write bool) {
	if f.record == nil {
		return judgeUnrecorded(f)
	}
	switch {
	case !f.record.isComplete():
		return frozen(spawnv1.FleetRecordInvalidReason, true, recheck,
			"the fleet record, ConfigMap %s, must have the keys %s, %s and %s; restore it, or delete it and have it "+
				"written anew", RecordName, fleetIDKey, teamUUIDKey, clusterUIDKey), false
	case f.record.FleetID != f.who.Fleet && f.sight.droplets == 0:
		// Nothing is lost with the other fleet: no object speaks of its machines.
		return judgeUnrecorded(f)
	case f.record.FleetID != f.who.Fleet:
		return frozen(spawnv1.FleetRecordInvalidReason, true, recheck,
			"the fleet record is that of fleet %q and this manager runs as %q; set --fleet-id to the former or leave it "+
				"out, and restart the manager", f.record.FleetID, f.who.Fleet), false
	case f.record.TeamUUID != f.team.UUID:
		return frozen(spawnv1.AccountMismatchReason, true, recheck,
			"the token is of DigitalOcean team %s and the fleet is in team %s; put a token of the fleet's team back",
			show(f.team), f.record.TeamUUID), false
	case f.record.ClusterUID == f.who.Cluster:
		return nil, false
	case f.takeOver:
		return nil, true
	}
	return frozen(spawnv1.FleetOfAnotherClusterReason, false, recheck,
		"the fleet record was written in cluster %s and this is cluster %s; stop the manager there for good, then start "+
			"this one with --take-over", f.record.ClusterUID, f.who.Cluster), false
}

// judgeUnrecorded decides for a fleet without a record: a new one, or one whose record was lost. A loss shows by
// instances with our tag, or by Droplets that know theirs.
func judgeUnrecorded(f facts) (verdict *verdict, write bool) {
	switch s := f.sight; {
	case f.takeOver:
		return nil, true
	case s.recorded > 0 && s.seen == 0:
		// No record says which team it is, and this one has nothing of ours.
		return frozen(spawnv1.AccountMismatchReason, true, recheck,
			"there is no fleet record, and DigitalOcean team %s has none of the %d instances that the Droplets name; put "+
				"a token of the fleet's team back, or start with --take-over if they are really gone",
			show(f.team), s.recorded), false
	case s.own == 0 && s.others > 0 && !f.newFleet:
		return frozen(spawnv1.FleetUnacknowledgedReason, s.doubts > 0, recheckNeighbours,
			"there is no fleet record, and %d instances of other fleets exist in DigitalOcean team %s; restore the "+
				"record, or start with --new-fleet if they are neighbours", s.others, show(f.team)), false
	}
	return nil, true
}

func frozen(reason string, blind bool, again time.Duration, format string, args ...any) *verdict {
	return &verdict{
		kind: cloud.Frozen, reason: reason, blind: blind, again: again, message: fmt.Sprintf(format, args...),
	}
}

// refusedToken is the verdict on a token that the cloud refuses, or that could not even be sent.
func refusedToken(err error) *verdict {
	return &verdict{
		kind: cloud.Unauthorized, reason: spawnv1.CredentialsInvalidReason, blind: true, again: recheck,
		message: cloud.Message(err),
	}
}

func show(team cloud.Team) string {
	if team.Name == "" {
		return team.UUID
	}
	return fmt.Sprintf("%s (%s)", team.UUID, team.Name)
}
