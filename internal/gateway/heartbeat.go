// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cedros-io/open-spawn/internal/gateway/renewal"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	// recordWithin is how long a machine that was booted is kept waiting until its boot is recorded.
	recordWithin = 3 * time.Second
	// maxMessage, maxVersion and maxName are how much of what a machine says is kept, and maxChannels of how many
	// channels; a Bot has three at most.
	maxMessage, maxVersion, maxName = 1024, 64, 64
	maxChannels, maxChannelMessage  = 8, 256
)

// bootPattern is what identifies a boot: Linux has a UUID.
var bootPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// heartbeat takes what a machine says, and tells it what to do.
func (g *Gateway) heartbeat(x *exchange) error {
	record, _, err := g.identify(x)
	if err != nil {
		return err
	}
	var beat protocol.Heartbeat
	if err := x.read(&beat); err != nil {
		return err
	}
	if !bootPattern.MatchString(beat.BootID) {
		return refuse(protocol.CodeBadRequest, "bootID is none")
	}
	shorten(&beat)
	mayRun := g.receive(x.r.Context(), x.machine, record, beat)
	return x.answer(g.orders(record, mayRun))
}

// receive notes a heartbeat, and tells whether it is of the one instance and the one boot that may run. The newest boot
// is that one, once it is recorded; and from then on none before it.
func (g *Gateway) receive(ctx context.Context, machine string, r store.Record, beat protocol.Heartbeat) bool {
	if r.Machine.InstanceID == 0 || beat.InstanceID != r.Machine.InstanceID {
		// A copied disk has the credential too: it must not speak for the machine, and starts nothing.
		g.meters.foreignBeats.Inc()
		g.o.Logger.V(1).Info("a heartbeat of another instance", "machine", machine, "instanceID", beat.InstanceID)
		return false
	}
	if slices.Contains(r.Presence.PastBoots, beat.BootID) {
		return false
	}
	outcome := g.queue.Beat(machine, r, beat)
	if beat.BootID == r.Presence.Facts.BootID {
		return true
	}
	return g.isRecorded(ctx, machine, beat.BootID, outcome)
}

// isRecorded waits until a boot that is new to us is recorded.
func (g *Gateway) isRecorded(ctx context.Context, machine, boot string, outcome *renewal.Outcome) bool {
	if !g.limits.recording.Enter() {
		return false
	}
	defer g.limits.recording.Leave()
	if outcome != nil {
		select {
		case <-outcome.Done():
			if outcome.Written() {
				return true
			}
		case <-g.o.Clock.After(recordWithin):
			return false
		case <-ctx.Done():
			return false
		}
	}
	// Another replica may have been first.
	now, err := g.live(ctx, machine)
	return err == nil && now.Presence != nil && now.Presence.Facts.BootID == boot
}

// orders are the answer to a heartbeat.
func (g *Gateway) orders(r store.Record, mayRun bool) protocol.Orders {
	m := r.Machine
	o := protocol.Orders{
		Run: m.Run && mayRun, AgentSHA256: m.AgentSHA256, OpenClawSHA256: m.OpenClawSHA256,
		Gateways: m.Gateways, GatewayCA: m.GatewayCA, NextHeartbeatSeconds: g.pace(m.IntervalSeconds),
	}
	if isDeliverable(r) {
		o.ConfigVersion = r.Content.Version
	}
	return o
}

// pace is when a machine is to beat again: no more often than its Lease can be renewed.
func (g *Gateway) pace(intervalSeconds int32) int32 {
	window := g.queue.Window(time.Duration(intervalSeconds) * time.Second)
	return int32(min(max(math.Ceil(window.Seconds()), 1), math.MaxInt32))
}

// shorten keeps what a machine says within bounds: a long message is no reason to take it for silent.
func shorten(h *protocol.Heartbeat) {
	h.AgentVersion = clip(h.AgentVersion, maxVersion)
	h.OpenClaw.Version, h.OpenClaw.Message = clip(h.OpenClaw.Version, maxVersion), clip(h.OpenClaw.Message, maxMessage)
	if h.Bootstrap != nil {
		h.Bootstrap.Name, h.Bootstrap.Message = clip(h.Bootstrap.Name, maxName), clip(h.Bootstrap.Message, maxMessage)
	}
	if h.Result != nil {
		h.Result.Message = clip(h.Result.Message, maxMessage)
	}
	h.Channels = h.Channels[:min(len(h.Channels), maxChannels)]
	for i := range h.Channels {
		c := &h.Channels[i]
		c.Type, c.Message = clip(c.Type, maxName), clip(c.Message, maxChannelMessage)
	}
}

// clip is the first characters of a text.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}
