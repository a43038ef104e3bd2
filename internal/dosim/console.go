// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrNoInstance is what a person in the web console gets who looks for an instance that does not exist.
var ErrNoInstance = errors.New("no such instance")

// Plant says what droplet to put into the account as if it had always been there.
type Plant struct {
	// Name may be anything, even the name of another droplet.
	Name string
	// Tags show at once; they are made if they do not exist.
	Tags []string
	// CreatedAt is when it was made; zero means now.
	CreatedAt time.Time
	// State is new, active or off; empty means active. A planted droplet that is new stays so until SetState.
	State string
	// Region, Size and Image are slugs; the defaults are nyc3, s-1vcpu-1gb and ubuntu-24-04-x64.
	Region, Size, Image string
	// UserData is what it was made with.
	UserData string
}

// Plant puts a droplet into the account and gives its id. No quota is asked, no lag applies and no action is left
// behind. It panics on a region, size or image that the catalogue does not know.
func (s *Server) Plant(p Plant) int64 {
	id, err := s.plant(p)
	if err != nil {
		panic("dosim: " + err.Error())
	}
	return id
}

func (s *Server) plant(p Plant) (int64, error) {
	defer s.enter()()
	region, size := cmp.Or(p.Region, "nyc3"), cmp.Or(p.Size, "s-1vcpu-1gb")
	image, found := s.image(s.main, cmp.Or(p.Image, "ubuntu-24-04-x64"))
	if !found || s.catalogue.regions[region] == nil || s.catalogue.sizes[size] == nil {
		return 0, fmt.Errorf("planting %q: unknown region, size or image", p.Name)
	}
	network := s.main.defaultVPC(s, region)
	d := &droplet{
		name: p.Name, status: cmp.Or(p.State, statusActive), size: size, region: region, image: image,
		disk: s.catalogue.sizes[size].Disk, vpc: network.id, features: []string{"private_networking"},
		userData: p.UserData, address: s.addresses.next(network.prefix), createdAt: p.CreatedAt, snapshots: []int64{},
	}
	if d.createdAt.IsZero() {
		d.createdAt = s.now
	}
	s.bear(s.main, d)
	d.shownAt, d.listedAt = time.Time{}, time.Time{}
	if d.status == statusActive {
		s.turnOn(d)
	}
	for _, tag := range p.Tags {
		s.main.tag(d, tag, time.Time{})
	}
	return d.id, nil
}

// DestroyInstance destroys an instance behind everybody's back, at once and without a lag.
func (s *Server) DestroyInstance(id int64) error {
	return s.touch(id, func(a *account, d *droplet) { s.destroy(a, d, 0) })
}

// SetState makes an instance new, active, off or archive, whatever it was.
func (s *Server) SetState(id int64, state string) error {
	if !slices.Contains([]string{statusNew, statusActive, statusOff, statusArchive}, state) {
		return fmt.Errorf("a droplet cannot be %q", state)
	}
	return s.touch(id, func(_ *account, d *droplet) {
		switch was := d.status; {
		case state == statusActive && was != statusActive:
			s.turnOn(d)
		case state != statusActive:
			s.machines.Cut(d.id)
		}
		d.status = state
	})
}

// Rename gives an instance another name, at once.
func (s *Server) Rename(id int64, name string) error {
	return s.touch(id, func(a *account, d *droplet) { a.rename(d, name) })
}

// Retag makes these the tags of an instance, in place of all that it had, at once.
func (s *Server) Retag(id int64, tags ...string) error {
	return s.touch(id, func(a *account, d *droplet) {
		for len(d.tags) > 0 {
			d.untag(d.tags[0].tag)
		}
		for _, tag := range tags {
			a.tag(d, tag, time.Time{})
		}
	})
}

// touch changes an instance that lives.
func (s *Server) touch(id int64, change func(*account, *droplet)) error {
	defer s.enter()()
	a, d, found := s.find(id)
	if !found || d.destroyed() {
		return fmt.Errorf("instance %d: %w", id, ErrNoInstance)
	}
	change(a, d)
	return nil
}
