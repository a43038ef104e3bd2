// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
)

// races is how often the record is read again because somebody else has written it. Two managers write it once each.
const races = 4

// errUnsettled is a record that was written by others each time we were about to.
var errUnsettled = errors.New("the fleet record keeps changing")

// verify finds out whether a token is of our fleet's team. It writes the record when there is none and nothing speaks
// against it. An error means that it could not be found out.
func (g *Guard) verify(ctx context.Context, api Cloud) (*verdict, error) {
	verdict, err := g.compare(ctx, api)
	if cloud.KindOf(err) == cloud.Unauthorized {
		return refusedToken(err), nil
	}
	return verdict, err
}

func (g *Guard) compare(ctx context.Context, api Cloud) (*verdict, error) {
	team, err := api.Team(ctx)
	if err != nil {
		return nil, err
	}
	for range races {
		before, err := g.records.read(ctx)
		if err != nil {
			return nil, err
		}
		f, err := g.gather(ctx, api, team, before)
		if err != nil {
			return nil, err
		}
		verdict, write := judge(f)
		if !write {
			return verdict, nil
		}
		err = g.records.write(ctx, before, Record{
			FleetID: g.who.Fleet, TeamUUID: team.UUID, ClusterUID: g.who.Cluster,
		})
		if err == nil {
			log.FromContext(ctx).WithName("fleet").Info("wrote the fleet record", "fleet", g.who.Fleet,
				"team", team.UUID, "cluster", g.who.Cluster, "takenOver", before != nil)
			return nil, nil //nolint:nilnil // no verdict: calls pass
		}
		if !isRace(before, err) {
			return nil, err
		}
	}
	return nil, errUnsettled
}

// gather finds out what a verdict is made from. Fleets are only looked for while the record is not that of ours.
func (g *Guard) gather(ctx context.Context, api Cloud, team cloud.Team, before *stored) (facts, error) {
	f := facts{who: g.who, team: team, newFleet: g.newFleet, takeOver: g.takeOver}
	if before != nil {
		f.record = &before.Record
		if before.FleetID == g.who.Fleet {
			return f, nil
		}
	}
	var err error
	f.sight, err = g.look(ctx, api)
	return f, err
}

// look counts what there is of fleets. It costs a call for every 200 instances of open-spawn in the team, and is only
// needed while the record is not that of our fleet.
func (g *Guard) look(ctx context.Context, api Cloud) (sight, error) {
	own, err := api.ListByTag(ctx, identity.FleetTag(g.who.Fleet))
	if err != nil {
		return sight{}, err
	}
	all, err := api.ListByTag(ctx, spawnv1.ProductTag)
	if err != nil {
		return sight{}, err
	}
	seen := sight{own: len(own)}
	for _, instance := range all {
		if isOfAnotherFleet(instance, identity.FleetTag(g.who.Fleet)) {
			seen.others++
		}
	}
	ids := make(map[int64]bool, len(own))
	for _, instance := range own {
		ids[instance.ID] = true
	}
	return seen, g.countDroplets(ctx, &seen, ids)
}

// countDroplets counts what our objects say of instances, on a live read.
func (g *Guard) countDroplets(ctx context.Context, seen *sight, ids map[int64]bool) error {
	for _, namespace := range g.namespaces.Lists() {
		var droplets spawnv1.DropletList
		if err := g.records.api.List(ctx, &droplets, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("listing droplets: %w", err)
		}
		seen.count(droplets.Items, ids)
	}
	return nil
}

// count adds what Droplets say of instances, of which those with these ids are in sight.
func (s *sight) count(droplets []spawnv1.Droplet, ids map[int64]bool) {
	s.droplets += len(droplets)
	for i := range droplets {
		recorded := droplets[i].Status
		switch {
		case recorded.InstanceID != 0:
			s.recorded++
			if ids[recorded.InstanceID] {
				s.seen++
			}
		case recorded.Attempt != nil && (recorded.Attempt.State == spawnv1.AttemptPending ||
			recorded.Attempt.State == spawnv1.AttemptDone):
			s.doubts++
		}
	}
}

// isOfAnotherFleet tells whether an instance bears a fleet's tag that is not ours. One without any is nobody's: its
// tags may be on their way, or a person has made it.
func isOfAnotherFleet(instance cloud.Instance, ours string) bool {
	for _, tag := range instance.Tags {
		if tag != ours && strings.HasPrefix(tag, spawnv1.FleetTagPrefix) {
			return true
		}
	}
	return false
}
