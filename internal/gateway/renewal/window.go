// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal

import (
	"math"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// Window is how often a Lease is renewed: as often as its machine beats, or less when the fleet is so large that the
// budget does not suffice. Machines are told to beat no more often than that.
func (q *Queue) Window(interval time.Duration) time.Duration {
	seconds := math.Ceil(float64(q.o.Leases.Machines()) / q.o.PerSecond)
	return max(interval, time.Duration(seconds)*time.Second)
}

// isDue tells whether a Lease that was renewed so long ago is to be renewed. A machine may beat a tenth of the window
// early or late, and each of its beats counts; one that beats more often is not written more often.
func (q *Queue) isDue(since, interval time.Duration) bool { return since >= q.Window(interval)*3/4 }

// saysSomethingNew tells whether one heartbeat says something that another did not. How much is free of disk and memory
// is always different, and in the next renewal.
func saysSomethingNew(now, before protocol.Heartbeat) bool {
	return !same(now.Bootstrap, before.Bootstrap) || !same(now.Result, before.Result) ||
		withoutParts(now) != withoutParts(before)
}

// said are the parts of a heartbeat that can be compared at once.
type said struct {
	instance, applied  int64
	boot, version      string
	openClaw           protocol.OpenClaw
	diskSize, ramBytes int64
}

func withoutParts(h protocol.Heartbeat) said {
	return said{
		h.InstanceID, h.AppliedConfig, h.BootID, h.AgentVersion, h.OpenClaw, h.Disk.TotalBytes, h.Memory.TotalBytes,
	}
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
