// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// Pass is one complete reading of the fleet. It never changes and can be kept; what it returns must not be changed. The
// zero Pass is an empty fleet.
type Pass struct {
	// Number counts the complete passes of this process, from 1.
	Number int64
	// StartedAt is just before the first call. What came into being afterwards may be missing, and so may what the
	// cloud's lists did not show yet.
	StartedAt time.Time
	// FinishedAt is just after the last answer.
	FinishedAt time.Time

	instances []cloud.Instance // by name, then oldest first
	byID      map[int64]int    // places in instances
}

// newPass sorts a copy: the list may belong to somebody.
func newPass(list []cloud.Instance) Pass {
	p := Pass{instances: slices.Clone(list), byID: make(map[int64]int, len(list))}
	slices.SortFunc(p.instances, func(a, b cloud.Instance) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), byAge(a, b))
	})
	for at, instance := range p.instances {
		p.byID[instance.ID] = at
	}
	return p
}

// byAge is oldest first. Ids decide between equals: they grow.
func byAge(a, b cloud.Instance) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// Len is the number of instances.
func (p Pass) Len() int { return len(p.instances) }

// All gives every instance, sorted by name.
func (p Pass) All() iter.Seq[cloud.Instance] { return slices.Values(p.instances) }

// ByID is the instance of that id, if the pass has it.
func (p Pass) ByID(id int64) (cloud.Instance, bool) {
	at, ok := p.byID[id]
	if !ok {
		return cloud.Instance{}, false
	}
	return p.instances[at], true
}

// ByName gives every instance of exactly that name, oldest first: names are not unique at the cloud.
func (p Pass) ByName(name string) []cloud.Instance {
	rest := p.from(name)
	return slices.Clone(rest[:nameEnd(rest, name)])
}

// Matching gives every instance whose name is the prefix and exactly that many of a-z and 0-9, oldest first: all
// machines that a bot ever had and still has.
func (p Pass) Matching(prefix string, suffixLen int) []cloud.Instance {
	var found []cloud.Instance
	for _, instance := range p.from(prefix) {
		suffix, ok := strings.CutPrefix(instance.Name, prefix)
		if !ok {
			break // sorted: no later name has the prefix
		}
		if len(suffix) == suffixLen && !strings.ContainsFunc(suffix, isNeitherLetterNorDigit) {
			found = append(found, instance)
		}
	}
	slices.SortFunc(found, byAge)
	return found
}

func isNeitherLetterNorDigit(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

// from is the rest of the fleet, beginning with the first name that is not less.
func (p Pass) from(name string) []cloud.Instance {
	at, _ := slices.BinarySearchFunc(p.instances, name, func(i cloud.Instance, name string) int {
		return strings.Compare(i.Name, name)
	})
	return p.instances[at:]
}

// nameEnd is how many of the first instances have that name.
func nameEnd(sorted []cloud.Instance, name string) int {
	end := 0
	for end < len(sorted) && sorted[end].Name == name {
		end++
	}
	return end
}
