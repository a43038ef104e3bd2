// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// account is everything that one team owns. Nothing is visible across accounts: what another team owns is not found.
type account struct {
	team Team

	droplets []*droplet // every droplet that can still be read, by ascending id
	byID     map[int64]*droplet
	byName   map[string][]*droplet // by lower-case name, ascending id
	history  []*droplet            // every droplet that ever was, by ascending id
	live     int                   // droplets that are not destroyed: what the quota counts

	tags      map[string]*tag // by lower-case name
	actions   []*action       // by ascending id
	actionIDs map[int64]*action
	keys      []*sshKey
	images    []*wireImage    // custom images and snapshots; each is replaced, never changed
	origins   map[int64]int64 // the droplet that each snapshot was taken of
	firewalls []*firewall
	vpcs      []*vpc
}

// droplet is one simulated machine.
type droplet struct {
	id           int64
	name, status string
	team         string
	size, region string // slugs
	image        *wireImage
	disk         int // as made or as grown, not as the size says
	vpc          string
	features     []string // replaced, never changed
	userData     string
	address      address
	tags         []*tagging // by the time of tagging
	actions      []*action  // by ascending id
	snapshots    []int64    // replaced, never changed
	pending      *action    // the one that is in progress

	createdAt           time.Time
	shownAt, listedAt   time.Time // when GET and lists begin to know it
	destroyedAt         time.Time // zero while it lives
	bornCount, dieCount uint64    // Server.lives at birth and death
}

func (d *droplet) destroyed() bool { return !d.destroyedAt.IsZero() }

// tag groups droplets and images under a name that keeps the capitals of its first use.
type tag struct {
	name    string
	members []*tagging // by ascending droplet id
	images  []int64
}

// tagging is one tag on one droplet.
type tagging struct {
	tag       *tag
	droplet   *droplet
	visibleAt time.Time
}

func newStore(team Team) *account {
	return &account{
		team: team,
		byID: map[int64]*droplet{}, byName: map[string][]*droplet{},
		tags: map[string]*tag{}, actionIDs: map[int64]*action{}, origins: map[int64]int64{},
	}
}

// add puts a droplet, whose id is the highest so far, under every index.
func (a *account) add(d *droplet) {
	a.droplets = append(a.droplets, d)
	a.history = append(a.history, d)
	a.byID[d.id] = d
	a.live++
	a.addName(d)
}

// remove takes a droplet from every index but the history.
func (a *account) remove(d *droplet) {
	if _, ok := a.byID[d.id]; !ok {
		return
	}
	if i, ok := slices.BinarySearchFunc(a.droplets, d.id, compareID); ok {
		a.droplets = slices.Delete(a.droplets, i, i+1)
	}
	delete(a.byID, d.id)
	a.removeName(d)
	for _, t := range d.tags {
		t.tag.remove(d)
	}
}

func compareID(d *droplet, id int64) int { return cmp.Compare(d.id, id) }

func (a *account) rename(d *droplet, name string) {
	a.removeName(d)
	d.name = name
	a.addName(d)
}

func (a *account) addName(d *droplet) {
	key := strings.ToLower(d.name)
	same := a.byName[key]
	i, _ := slices.BinarySearchFunc(same, d.id, compareID)
	a.byName[key] = slices.Insert(same, i, d)
}

func (a *account) removeName(d *droplet) {
	key := strings.ToLower(d.name)
	rest := slices.DeleteFunc(a.byName[key], func(other *droplet) bool { return other == d })
	if len(rest) == 0 {
		delete(a.byName, key)
		return
	}
	a.byName[key] = rest
}

// tag puts a tag, which is made if there is none of that name, on a droplet.
func (a *account) tag(d *droplet, name string, visibleAt time.Time) {
	t := a.ensureTag(name)
	i, tagged := slices.BinarySearchFunc(t.members, d.id, compareMember)
	if tagged {
		return
	}
	g := &tagging{tag: t, droplet: d, visibleAt: visibleAt}
	t.members = slices.Insert(t.members, i, g)
	d.tags = append(d.tags, g)
}

func (a *account) ensureTag(name string) *tag {
	key := strings.ToLower(name)
	t, ok := a.tags[key]
	if !ok {
		t = &tag{name: name}
		a.tags[key] = t
	}
	return t
}

func compareMember(g *tagging, id int64) int { return cmp.Compare(g.droplet.id, id) }

func (d *droplet) untag(t *tag) {
	t.remove(d)
	d.tags = slices.DeleteFunc(d.tags, func(g *tagging) bool { return g.tag == t })
}

func (t *tag) remove(d *droplet) {
	if i, ok := slices.BinarySearchFunc(t.members, d.id, compareMember); ok {
		t.members = slices.Delete(t.members, i, i+1)
	}
}

// tagNames are the tags that show at that instant.
func (d *droplet) tagNames(now time.Time) []string {
	names := make([]string, 0, len(d.tags))
	for _, g := range d.tags {
		if !g.visibleAt.After(now) {
			names = append(names, g.tag.name)
		}
	}
	return names
}
