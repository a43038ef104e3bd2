// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The states of an instance that the API does not show, because it is gone.
const (
	// StateDestroyed is an instance that was destroyed, whether or not it can still be read.
	StateDestroyed = "destroyed"
	// StateErrored is an instance that was accepted and never placed.
	StateErrored = "errored"
)

// Instance is a droplet as somebody sees it who sees everything: no lag, no limit, no end.
type Instance struct {
	// ID and Name are the droplet's.
	ID   int64  `json:"id"`
	Name string `json:"name"`
	// State is new, active or off, or one of StateDestroyed and StateErrored.
	State string `json:"state"`
	// Tags are those that were put on it, visible or not, to the end of its life.
	Tags []string `json:"tags"`
	// Region, Size and Image are slugs; the image of a private image is its id.
	Region string `json:"region"`
	Size   string `json:"size"`
	Image  string `json:"image"`
	// VPCUUID is its network.
	VPCUUID string `json:"vpc_uuid"`
	// PublicIPv4 and PrivateIPv4 are its addresses, known from birth; the public one may be empty.
	PublicIPv4  string `json:"public_ipv4,omitempty"`
	PrivateIPv4 string `json:"private_ipv4"`
	// TeamUUID is the team that it belongs to.
	TeamUUID string `json:"team_uuid"`
	// CreatedAt is when it was accepted, which for a late commit is after the client gave up.
	CreatedAt time.Time `json:"created_at"`
	// DestroyedAt is when it ceased to exist; zero while it lives.
	DestroyedAt time.Time `json:"destroyed_at,omitzero"`
}

// IsLive tells whether the instance exists, is billed and counts against the quota.
func (i Instance) IsLive() bool { return i.DestroyedAt.IsZero() }

// Instances gives every instance that ever existed, of every team, by ascending id.
func (s *Server) Instances() []Instance {
	defer s.enter()()
	all := []Instance{}
	for _, a := range s.accounts {
		for _, d := range a.history {
			all = append(all, d.instance())
		}
	}
	slices.SortFunc(all, func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Live gives the instances that exist and whose name begins with the prefix, by ascending id.
func (s *Server) Live(prefix string) []Instance {
	return slices.DeleteFunc(s.Instances(), func(i Instance) bool {
		return !i.IsLive() || !strings.HasPrefix(i.Name, prefix)
	})
}

// MaxLive is the greatest number of instances whose name begins with the prefix that ever existed at the same time,
// however short. It does not depend on the clock: what is destroyed before another is made never met it.
func (s *Server) MaxLive(prefix string) int {
	defer s.enter()()
	type change struct {
		count uint64
		by    int
	}
	var changes []change
	for _, a := range s.accounts {
		for _, d := range a.history {
			if !strings.HasPrefix(d.name, prefix) {
				continue
			}
			changes = append(changes, change{d.bornCount, 1})
			if d.destroyed() {
				changes = append(changes, change{d.dieCount, -1})
			}
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.count, b.count) })
	most, live := 0, 0
	for _, c := range changes {
		live += c.by
		most = max(most, live)
	}
	return most
}

// Instance gives one instance, gone or not.
func (s *Server) Instance(id int64) (Instance, bool) {
	defer s.enter()()
	_, d, found := s.find(id)
	if !found {
		return Instance{}, false
	}
	return d.instance(), true
}

// UserData gives the user data of an instance, gone or not: what its cloud-init would read.
func (s *Server) UserData(id int64) (string, bool) {
	defer s.enter()()
	_, d, found := s.find(id)
	if !found {
		return "", false
	}
	return d.userData, true
}

// find looks for a droplet in the history of every account.
func (s *Server) find(id int64) (*account, *droplet, bool) {
	for _, a := range s.accounts {
		if i, found := slices.BinarySearchFunc(a.history, id, compareID); found {
			return a, a.history[i], true
		}
	}
	return nil, nil, false
}

func (d *droplet) instance() Instance {
	i := Instance{
		ID: d.id, Name: d.name, State: d.status, Tags: []string{}, Region: d.region, Size: d.size,
		Image: d.image.handle(), VPCUUID: d.vpc, PublicIPv4: d.address.public, PrivateIPv4: d.address.private,
		TeamUUID: d.team, CreatedAt: d.createdAt, DestroyedAt: d.destroyedAt,
	}
	for _, g := range d.tags {
		i.Tags = append(i.Tags, g.tag.name)
	}
	switch {
	case d.destroyed() && len(d.actions) > 0 && d.actions[0].kind == "create" && d.actions[0].doomed:
		i.State = StateErrored
	case d.destroyed():
		i.State = StateDestroyed
	}
	return i
}
