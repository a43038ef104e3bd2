// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal

import (
	"slices"
	"time"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// maxPastBoots is how many boots are remembered. What is heard of one of them has been under way while the machine was
// booted again, so two or three would do.
const maxPastBoots = 8

// beat is a heartbeat that is to be written.
type beat struct {
	machine  string
	facts    protocol.Heartbeat
	received time.Time
	// record is what was known of the machine when the beat was received.
	record          store.Record
	interval, grace time.Duration
	urgent          bool
	*Outcome
}

// Outcome is what becomes of a heartbeat that is to be written.
type Outcome struct {
	done    chan struct{}
	written bool
}

// Done is closed when it was written, or is not to be written after all.
func (o *Outcome) Done() <-chan struct{} { return o.done }

// Written tells whether it was, once it is done.
func (o *Outcome) Written() bool { return o.written }

// onto is what the Lease says with the beat; nil when the Lease says something later already. Clocks of two gateways
// are not compared: if another one has written since, that is later.
func (b *beat) onto(was *delivery.Presence, gateway string, duration time.Duration) *delivery.Presence {
	ours := was.ReceivedBy == gateway
	late := ours && was.Renewed.After(b.received) || !ours && !was.Renewed.Equal(b.record.Presence.Renewed)
	if late || slices.Contains(was.PastBoots, b.facts.BootID) {
		return nil
	}
	now := *was
	now.Facts, now.ReceivedBy, now.Renewed, now.Duration = b.facts, gateway, b.received, duration
	if before := was.Facts.BootID; before != "" && before != b.facts.BootID {
		now.PastBoots = append(slices.Clone(was.PastBoots), before)
		now.PastBoots = now.PastBoots[max(0, len(now.PastBoots)-maxPastBoots):]
	}
	return &now
}
