// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import "slices"

// actionRequest is the body that starts an action, with the parameters of every type.
type actionRequest struct {
	Type  string   `json:"type"`
	Name  string   `json:"name"`
	Size  string   `json:"size"`
	Disk  bool     `json:"disk"`
	Image slugOrID `json:"image"`
}

// task is an action that was asked for.
type task struct {
	call    *call
	droplet *droplet
	request *actionRequest
}

// actionType says what an action needs before it starts, and what it does when it completes.
type actionType struct {
	check  func(*task) *reply
	effect func(*task)
	byTag  bool
}

// actionTypes are all types that the API knows.
var actionTypes = map[string]actionType{
	"power_on":             {check: (*task).needsOff, effect: (*task).turnOn, byTag: true},
	"power_off":            {check: (*task).needsOn, effect: (*task).cut, byTag: true},
	"shutdown":             {effect: (*task).shutDown, byTag: true},
	"power_cycle":          {check: (*task).needsPower, effect: (*task).cycle, byTag: true},
	"reboot":               {check: (*task).needsPower, effect: (*task).reboot},
	"resize":               {check: (*task).canResize, effect: (*task).resize},
	"rename":               {check: (*task).hasName, effect: (*task).rename},
	"snapshot":             {check: (*task).hasTitle, effect: (*task).snapshot, byTag: true},
	"rebuild":              {check: (*task).hasImage, effect: (*task).rebuild},
	"restore":              {check: (*task).hasImage, effect: (*task).rebuild},
	"enable_ipv6":          {effect: (*task).enableIPv6, byTag: true},
	"enable_backups":       {effect: func(t *task) { t.feature("backups", true) }, byTag: true},
	"disable_backups":      {effect: func(t *task) { t.feature("backups", false) }, byTag: true},
	"change_backup_policy": {effect: func(*task) {}},
	"password_reset":       {effect: func(*task) {}},
	"change_kernel":        {check: (*task).hasNoKernel},
}

func (t *task) needsOff() *reply {
	if t.droplet.status == statusOff {
		return nil
	}
	return invalid("Droplet is already powered on")
}

func (t *task) needsOn() *reply {
	if t.droplet.status != statusOff {
		return nil
	}
	return invalid("Droplet is already powered off")
}

func (t *task) needsPower() *reply {
	if t.droplet.status != statusOff {
		return nil
	}
	return invalid("Droplet is powered off")
}

func (t *task) machines() Machines { return t.call.s.machines }

func (t *task) turnOn() { t.call.s.turnOn(t.droplet) }

func (t *task) cut() {
	t.machines().Cut(t.droplet.id)
	t.call.s.turnOff(t.droplet)
}

func (t *task) cycle() {
	t.machines().Cut(t.droplet.id)
	t.turnOn()
}

func (t *task) reboot() {
	t.machines().ShutDown(t.droplet.id)
	t.turnOn()
}

// shutDown asks the guest, which may not listen. It completes either way, and is no error when already off.
func (t *task) shutDown() {
	if !t.call.s.opts.IgnoreShutdown {
		t.machines().ShutDown(t.droplet.id)
		t.call.s.turnOff(t.droplet)
	}
}

func (t *task) canResize() *reply {
	size, found := t.call.s.catalogue.sizes[t.request.Size]
	switch {
	case !found:
		return invalid("You specified an invalid size.")
	case t.droplet.status != statusOff:
		return invalid("Droplet must be off prior to resizing")
	case t.request.Size == t.droplet.size:
		return invalid("Droplet is already this size")
	case !size.Available || !slices.Contains(size.Regions, t.droplet.region):
		return invalid("Size is not available in this region.")
	case size.Disk < t.droplet.disk:
		return invalid("Size can not decrease size of Droplet's disk image")
	}
	return nil
}

// resize keeps the disk unless asked to grow it, for that cannot be undone.
func (t *task) resize() {
	t.droplet.size = t.request.Size
	if t.request.Disk {
		t.droplet.disk = t.call.s.catalogue.sizes[t.request.Size].Disk
	}
}

func (t *task) hasName() *reply { return checkName(t.request.Name) }

func (t *task) rename() { t.call.account.rename(t.droplet, t.request.Name) }

func (t *task) hasTitle() *reply {
	if t.request.Name == "" && t.call.route.pattern != "/v2/droplets/actions" {
		return invalid("A snapshot needs a name.")
	}
	return nil
}

func (t *task) snapshot() {
	name := t.request.Name
	if name == "" {
		name = t.droplet.name
	}
	t.call.s.snapshotOf(t.call.account, t.droplet, name)
}

func (t *task) hasImage() *reply {
	if _, found := t.image(); !found {
		return invalid("You specified an invalid image.")
	}
	return nil
}

func (t *task) image() (*wireImage, bool) {
	return t.call.s.image(t.call.account, string(t.request.Image))
}

// rebuild writes an image over the disk and boots. The image may have been deleted since: then the disk is kept.
func (t *task) rebuild() {
	t.machines().Cut(t.droplet.id)
	if image, found := t.image(); found {
		t.droplet.image = image
		t.machines().Disk(t.droplet.id, image.ID)
	}
	t.turnOn()
}

func (t *task) enableIPv6() {
	t.feature("ipv6", true)
	t.droplet.address.v6 = t.droplet.address.reserved
}

func (t *task) hasNoKernel() *reply {
	return invalid("The kernel of this Droplet is managed internally.")
}

func (t *task) feature(name string, on bool) {
	t.droplet.features = with(t.droplet.features, name, on)
}
