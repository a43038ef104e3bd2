// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"github.com/cedros-io/open-spawn/internal/inventory"
)

// fall remembers the Droplet objects that have vanished although nobody was seen deleting them, while their instances
// live on: their finalizers would have destroyed the instances first. It forgets them when the object is back or the
// instance is gone.
type fall struct {
	before map[string]object
	lost   map[string]*loss
}

type loss struct {
	instanceID int64
	passes     int // that have shown it so; one alone may be older than the object's proper end
}

func newFall() *fall { return &fall{lost: map[string]*loss{}} }

// update compares the objects with those of the pass before.
func (f *fall) update(objects map[string]object, pass inventory.Pass) {
	for name, was := range f.before {
		if _, ok := objects[name]; !ok && !was.deleting && f.lost[name] == nil {
			f.lost[name] = &loss{instanceID: was.instanceID}
		}
	}
	for name, l := range f.lost {
		_, back := objects[name]
		_, alive := pass.ByID(l.instanceID)
		if back || !alive && len(pass.ByName(name)) == 0 {
			delete(f.lost, name)
			continue
		}
		l.passes++
	}
	f.before = objects
}

// confirmed counts those that more than one pass has shown.
func (f *fall) confirmed() int {
	n := 0
	for _, l := range f.lost {
		if l.passes > 1 {
			n++
		}
	}
	return n
}
