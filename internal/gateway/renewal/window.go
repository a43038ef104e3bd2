// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal

import (
	"math"
	"slices"
	"time"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// renewals is the part of the budget that renewals may take. The rest is for what is new, and lets a line that has
// become long become short again: with nothing to spare it would stay as long for ever.
const renewals = 0.8

// Window is how often a Lease is renewed: as often as its machine beats, or less when the fleet is so large that the
// budget does not suffice. Machines are told to beat no more often than that.
func (q *Queue) Window(interval time.Duration) time.Duration {
	seconds := math.Ceil(float64(q.o.Leases.Machines()) / (q.o.PerSecond * renewals))
	return max(interval, time.Duration(seconds)*time.Second)
}

// isDue tells whether a Lease that was renewed so long ago is to be renewed. A machine may beat a tenth of the window
// early or late, and each of its beats counts; one that beats more often is not written more often, unless its Lease
// would run out before its next beat has come and been in line.
func (q *Queue) isDue(since, interval, grace time.Duration) bool {
	window := q.Window(interval)
	const late = 1.35 // windows until that next beat is written
	last := grace + window - time.Duration(late*float64(window))
	return since >= max(min(window*3/4, last), window/4)
}

// saysSomethingNew tells whether one heartbeat says something that another did not. How much is free of disk and memory
// is always different, and in the next renewal, but for a disk that becomes full or is so no more.
func saysSomethingNew(now, before protocol.Heartbeat) bool {
	return !same(now.Bootstrap, before.Bootstrap) || !same(now.Result, before.Result) ||
		!slices.Equal(now.Channels, before.Channels) || withoutParts(now) != withoutParts(before)
}

// said are the parts of a heartbeat that can be compared at once.
type said struct {
	instance, applied  int64
	boot, version      string
	openClaw           protocol.OpenClaw
	diskSize, ramBytes int64
	disk               delivery.DiskLevel
}

func withoutParts(h protocol.Heartbeat) said {
	return said{
		h.InstanceID, h.AppliedConfig, h.BootID, h.AgentVersion, h.OpenClaw, h.Disk.TotalBytes, h.Memory.TotalBytes,
		delivery.LevelOf(h.Disk),
	}
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
