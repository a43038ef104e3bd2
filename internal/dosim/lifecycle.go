// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"slices"
	"time"
)

// The states of a droplet, and of an action.
const (
	statusNew     = "new"
	statusActive  = "active"
	statusOff     = "off"
	statusArchive = "archive"

	actionInProgress = "in-progress"
	actionCompleted  = "completed"
	actionErrored    = "errored"
)

// action is something that happens to a droplet and takes time.
type action struct {
	id                     int64
	kind, status           string
	droplet                *droplet
	doomed                 bool // will end errored, without effect
	startedAt, completedAt time.Time
}

// bear puts a new droplet into the world. It is new, in doubt, and invisible to lists until its lags have passed.
func (s *Server) bear(a *account, d *droplet) {
	s.lives++
	d.id = s.ids.droplet()
	d.team = a.team.UUID
	d.bornCount = s.lives
	d.shownAt = d.createdAt.Add(s.opts.GetLag)
	d.listedAt = d.createdAt.Add(s.opts.ListLag)
	a.add(d)
	s.machines.Disk(d.id, d.image.ID)
}

// boot starts the create action: at its end the droplet is active, or it has never been placed and is gone.
func (s *Server) boot(a *account, d *droplet, doomed bool) *action {
	boot := s.begin(a, d, "create", doomed)
	s.timeline.at(s.now.Add(s.opts.StateDelay), func() {
		s.end(boot)
		switch {
		case d.destroyed():
		case boot.status == actionErrored:
			s.destroy(a, d, 0)
		case d.status == statusNew:
			s.turnOn(d)
		}
	})
	return boot
}

// start begins an action of a kind; what it does is done when it completes.
func (s *Server) start(a *account, d *droplet, kind string, doomed bool, effect func()) *action {
	started := s.begin(a, d, kind, doomed)
	s.timeline.at(s.now.Add(s.opts.ActionDelay), func() {
		s.end(started)
		if started.status == actionCompleted {
			effect()
		}
	})
	return started
}

func (s *Server) begin(a *account, d *droplet, kind string, doomed bool) *action {
	begun := &action{
		id: s.ids.action(), kind: kind, status: actionInProgress, droplet: d, doomed: doomed, startedAt: s.now,
	}
	a.actions = append(a.actions, begun)
	a.actionIDs[begun.id] = begun
	d.actions = append(d.actions, begun)
	d.pending = begun
	return begun
}

// end completes an action, unless it is doomed or its droplet was destroyed meanwhile.
func (s *Server) end(a *action) {
	a.completedAt = s.now
	a.status = actionCompleted
	if a.doomed || a.droplet.destroyed() {
		a.status = actionErrored
	}
	if a.droplet.pending == a {
		a.droplet.pending = nil
	}
}

// turnOn boots a droplet.
func (s *Server) turnOn(d *droplet) {
	d.status = statusActive
	s.machines.Start(d.id, d.userData)
}

// turnOff switches a droplet off once the lag has passed during which its completed action is not seen to have worked.
func (s *Server) turnOff(d *droplet) {
	off := func() {
		if !d.destroyed() {
			d.status = statusOff
		}
	}
	if s.opts.OffLag == 0 {
		off()
		return
	}
	s.timeline.at(s.now.Add(s.opts.OffLag), off)
}

// destroy ends the life of a droplet. It stays readable for the lag, and in the history for ever.
func (s *Server) destroy(a *account, d *droplet, lag time.Duration) {
	if d.destroyed() {
		return
	}
	s.lives++
	d.dieCount = s.lives
	d.destroyedAt = s.now
	s.machines.Destroy(d.id)
	a.live--
	if lag == 0 {
		a.remove(d)
		return
	}
	s.timeline.at(s.now.Add(lag), func() { a.remove(d) })
}

// snapshotOf makes an image of a droplet's disk.
func (s *Server) snapshotOf(a *account, d *droplet, name string) {
	image := &wireImage{
		ID: s.ids.image(), Name: name, Type: "snapshot", Distribution: d.image.Distribution,
		Regions: []string{d.region}, CreatedAt: instant(s.now), MinDiskSize: d.disk, SizeGigabytes: snapshotSize,
		Tags: []string{}, Status: "available",
	}
	a.images = append(slices.Clone(a.images), image)
	a.origins[image.ID] = d.id
	s.machines.Snapshot(d.id, image.ID)
	d.snapshots = append(slices.Clone(d.snapshots), image.ID)
}
