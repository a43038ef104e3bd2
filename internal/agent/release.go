// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/openclaw"
)

// haltWithin bounds how long we wait for the runtime to be gone. It has less than 2 s.
const haltWithin = 15 * time.Second

// archives are the digests of versions that can be had, as the orders say.
type archives struct {
	mu  sync.Mutex
	all map[string]map[string]string
}

// take is true when there are others than before.
func (a *archives) take(all map[string]map[string]string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	isNew := !maps.EqualFunc(a.all, all, maps.Equal)
	a.all = all
	return isNew
}

// of is the digest of a version for this machine; empty when none is known.
func (a *archives) of(version string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[version][runtime.GOARCH]
}

// obtain has a version of the runtime on the machine, beside the one that runs.
func (p *applier) obtain(ctx context.Context, version string) error {
	release, err := p.dir.Release()
	if err != nil {
		return &passingError{err}
	}
	if release.Ran != "" && openclaw.Compare(version, release.Ran) < 0 {
		return fmt.Errorf("OpenClaw %s does not open what %s has written: choose that or a later one, or redeploy the bot, "+
			"which begins anew", version, release.Ran)
	}
	if p.runtime.Has(version) {
		return nil
	}
	digest := p.archives.of(version)
	if digest == "" {
		return &passingError{fmt.Errorf("OpenClaw %s is not on this machine, and the manager knows no archive of it for %s",
			version, runtime.GOARCH)}
	}
	p.Log.Info("another version of the runtime is installed", "version", version)
	if err := p.store.Install(ctx, version, digest); err != nil {
		return &passingError{fmt.Errorf("installing OpenClaw %s: %w", version, err)}
	}
	return nil
}

// cross has the runtime find what it remembers as the version that is to run can read it. When that is another version
// than the one that has written it, the runtime is stopped, and what it remembers copied: a version that has failed may
// have changed it.
func (p *applier) cross(ctx context.Context, to string) error {
	release, err := p.dir.Release()
	if err != nil {
		return err
	}
	if release.GoingBack || release.Trying != "" && release.Trying != to {
		if release, err = p.goBack(ctx, release); err != nil {
			return err
		}
	}
	if release.Trying == to || release.Trying == "" && release.Ran == to {
		return nil
	}
	return p.goOn(ctx, state.Release{Ran: release.Ran, Trying: to})
}

// goOn copies what the version that ran remembers, before another is tried. The first has nothing before it.
func (p *applier) goOn(ctx context.Context, release state.Release) error {
	if release.Ran != "" {
		p.Log.Info("another version of the runtime is tried", "version", release.Trying, "after", release.Ran)
		if err := p.halt(ctx); err != nil {
			return err
		}
		if err := p.memory.SaveState(ctx); err != nil {
			return err
		}
	}
	return p.dir.SaveRelease(release)
}

// goBack puts back what the version that ran remembered before another was tried. Done twice it does nothing more.
func (p *applier) goBack(ctx context.Context, release state.Release) (state.Release, error) {
	p.Log.Warn("a version of the runtime is given up", "version", release.Trying, "for", release.Ran)
	if err := p.halt(ctx); err != nil {
		return release, err
	}
	release.GoingBack = true
	if err := p.dir.SaveRelease(release); err != nil {
		return release, err
	}
	if err := p.memory.RestoreState(ctx); err != nil {
		return release, err
	}
	release = state.Release{Ran: release.Ran}
	return release, p.dir.SaveRelease(release)
}

// arrive says that the version that was tried works. What cannot be remembered or removed is so when the next is tried.
func (p *applier) arrive(ctx context.Context) {
	release, err := p.dir.Release()
	if err != nil || release.Trying == "" {
		return
	}
	isFirst := release.Ran == ""
	release = state.Release{Ran: release.Trying}
	err = p.dir.SaveRelease(release)
	if err == nil && !isFirst {
		err = errors.Join(p.memory.DropState(ctx), p.store.KeepOnly(release.Ran))
	}
	if err != nil {
		p.Log.Error("what an older version of the runtime has left is not removed", "error", err)
	}
}

// halt returns when the runtime does not run.
func (p *applier) halt(ctx context.Context) error {
	p.sup.Want(false)
	timer := p.Clock.NewTimer(haltWithin)
	defer timer.Stop()
	for {
		status, changed := p.sup.Status()
		if status.Idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C():
			return fmt.Errorf("the runtime is not gone after %s", haltWithin)
		case <-changed:
		}
	}
}
