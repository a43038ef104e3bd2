// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"runtime"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/facts"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
	"github.com/cedros-io/open-spawn/internal/version"
)

const (
	// defaultInterval is that of a gateway that says none.
	defaultInterval = 30 * time.Second
	// longestInterval bounds what a gateway can say.
	longestInterval = time.Hour
	// leastInterval is between two heartbeats, however much there is to say.
	leastInterval = 2 * time.Second
)

// beat says how the machine is, as often as it is told to and whenever that has changed.
func (a *agent) beat(ctx context.Context) {
	backoff := client.Backoff{Random: a.Random}
	for ctx.Err() == nil {
		pause, err := a.beatOnce(ctx)
		if err == nil {
			backoff.Reset()
			if a.wait(ctx, min(pause, leastInterval), nil) && pause > leastInterval {
				a.wait(ctx, pause-leastInterval, a.news)
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		pause = backoff.Next(err)
		a.Log.Warn("a heartbeat has failed", "error", err, "againIn", pause)
		a.wait(ctx, pause, nil)
	}
}

// beatOnce beats, obeys, and says when to beat again.
func (a *agent) beatOnce(ctx context.Context) (time.Duration, error) {
	question, heartbeat := a.on.ask(), a.heartbeat()
	var orders protocol.Orders
	err := a.keys.with(func(credential token.Token) (err error) {
		orders, err = a.client.Beat(ctx, credential, heartbeat)
		return err
	})
	if client.CodeOf(err) == protocol.CodeUnauthorized {
		a.on.unknown()
		a.registerAgain(ctx)
	}
	if err != nil {
		return 0, err
	}
	if a.archives.take(orders.OpenClawSHA256) {
		a.apply.mend()
	}
	a.on.beatSays(question, orders.Run)
	a.routes.take(orders)
	a.updater.Answered(orders.AgentSHA256[runtime.GOARCH])
	if a.apply.announce(orders.ConfigVersion) {
		tell(a.newer)
	}
	return a.jitter(interval(orders.NextHeartbeatSeconds)), nil
}

// registerAgain mends a registration that was lost with the cluster's memory, once somebody has reopened it.
func (a *agent) registerAgain(ctx context.Context) {
	if a.config.RegistrationToken == "" {
		return
	}
	if err := a.registerOnce(ctx); err != nil {
		a.Log.Error("no gateway knows this machine, and it cannot register again", "error", err)
	}
}

func (a *agent) heartbeat() protocol.Heartbeat {
	status, _ := a.sup.Status()
	applied, result := a.apply.report()
	disk, err := facts.Disk(a.dir.Path())
	if err != nil {
		a.Log.Warn("a fact is missing", "error", err)
	}
	memory, err := facts.Memory(facts.Proc)
	if err != nil {
		a.Log.Warn("a fact is missing", "error", err)
	}
	bootstrap, err := facts.Bootstrap(a.config.BootstrapFile)
	if err != nil {
		a.Log.Warn("a fact is missing", "error", err)
	}
	release := ""
	if status.Healthy {
		release = a.runtime.Version()
	}
	return protocol.Heartbeat{
		InstanceID: a.instance, BootID: a.boot, AgentVersion: version.Version(), AppliedConfig: applied, Result: result,
		Bootstrap: bootstrap,
		OpenClaw: protocol.OpenClaw{
			Running: status.Running, Healthy: status.Healthy, Version: release, Restarts: status.Restarts,
			Message: bounded(status.Message),
		},
		Channels: a.channels.last(),
		Disk:     disk, Memory: memory,
	}
}

// watchSupervisor has a heartbeat say at once that the runtime is not as it was.
func (a *agent) watchSupervisor(ctx context.Context) {
	before, changed := a.sup.Status()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		var now supervisor.Status
		now, changed = a.sup.Status()
		if now.Running != before.Running || now.Healthy != before.Healthy || now.Refused != before.Refused {
			tell(a.news)
		}
		before = now
	}
}

func interval(told int32) time.Duration {
	if told <= 0 {
		return defaultInterval
	}
	return min(seconds(told), longestInterval)
}

// jitter is a time up to a tenth shorter or longer, so that what began together does not stay together.
func (a *agent) jitter(d time.Duration) time.Duration {
	return d + time.Duration((a.Random()*2-1)*float64(d)/10)
}
