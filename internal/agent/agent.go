// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/helper"
	"github.com/cedros-io/open-spawn/internal/agent/install"
	"github.com/cedros-io/open-spawn/internal/agent/memory"
	"github.com/cedros-io/open-spawn/internal/agent/render"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/agent/update"
)

// Deps are what the agent stands on.
type Deps struct {
	// Clock tells the time.
	Clock clock.Clock
	// Random is a number from 0 to 1, of which agents must not have the same.
	Random func() float64
	// Log is for people. No secret gets into it.
	Log *slog.Logger
	// Output is where what the runtime prints goes.
	Output io.Writer
	// Self is the digest of the build that runs; without it, no other takes its place.
	Self string
}

// agent is what the loops share.
type agent struct {
	Deps

	config   Config
	runtime  render.Runtime
	store    install.Store
	memory   memory.Memory
	archives archives
	channels channels
	client   *client.Client
	dir      *state.Dir
	keys     *keyring
	routes   *routes
	sup      supervisor.Supervisor
	on       *runSwitch
	apply    *applier
	updater  *update.Updater
	instance int64
	boot     string
	// news tells the heartbeats that something has changed, and newer the watch that there is another config.
	news, newer chan struct{}
	// contact tells who watches it that the rules are others.
	contact chan struct{}
}

// Run is the agent, until ctx is done, or another build is to take its place, which is ErrReplaced. The runtime is gone
// when it returns, unless it goes on for that other build.
func Run(ctx context.Context, config Config, deps Deps) error {
	dir, err := state.Open(config.StateDirectory)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	token, err := dir.RuntimeToken()
	if err != nil {
		return err
	}
	runtime, keeper := newKeeper(config.Runtime, deps, token, dir.Path())
	a, err := newAgent(config, deps, dir, runtime, keeper)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel(nil)
	keeper.Adopt(ctx)
	all.Go(func() { keeper.Run(ctx) })
	all.Go(func() { a.update(ctx, keeper, cancel) })
	err = a.run(ctx)
	if errors.Is(context.Cause(ctx), ErrReplaced) {
		return ErrReplaced
	}
	return err
}

// newKeeper is the runtime, and what keeps it. The token is that of OpenClaw's own gateway, and the owner a name that
// no other agent on this machine has.
func newKeeper(r Runtime, deps Deps, token, owner string) (render.Runtime, *supervisor.Keeper) {
	runtime, environment := r.kind(token)
	var launcher supervisor.Launcher = &supervisor.Child{
		Program: runtime.Program, Env: environment, EnvFile: envFile(r), Dir: r.Directory, Owner: owner,
		Output: deps.Output, Clock: deps.Clock, Log: deps.Log,
	}
	if r.Helper != "" {
		launcher = &supervisor.Unit{
			Helper: helper.Client{Path: r.Helper}, EnvFile: envFile(r), Clock: deps.Clock, Log: deps.Log,
		}
	}
	return runtime, supervisor.New(supervisor.Spec{
		Launcher: launcher, Health: runtime.Health(), HealthyAfter: seconds(r.HealthyAfterSeconds),
		Rest: seconds(r.RestartSeconds), Grace: seconds(r.StopSeconds), AsksByExit: r.OpenClaw != nil,
	}, deps.Clock, deps.Log)
}

// newAgent knows who it is, and has called nobody.
func newAgent(
	config Config, deps Deps, dir *state.Dir, runtime render.Runtime, sup supervisor.Supervisor,
) (*agent, error) {
	deps.Log = deps.Log.With("machine", config.Machine)
	a := &agent{
		Deps: deps, config: config, runtime: runtime, dir: dir, sup: sup, client: client.New(deps.Clock),
		news: make(chan struct{}, 1), newer: make(chan struct{}, 1), contact: make(chan struct{}, 1),
	}
	a.store, a.memory = config.Runtime.store(a.client), config.Runtime.memory()
	var err error
	if a.boot, err = bootID(config); err != nil {
		return nil, err
	}
	if a.routes, err = newRoutes(dir, a.client, deps.Log, config.route()); err != nil {
		return nil, err
	}
	if a.keys, err = newKeyring(dir, config.Machine, deps.Log, deps.Clock.Now); err != nil {
		return nil, err
	}
	a.on = &runSwitch{clock: deps.Clock, log: deps.Log, sup: sup, reachedAt: deps.Clock.Now()}
	if a.apply, err = newApplier(a); err != nil {
		return nil, err
	}
	a.updater = a.newUpdater()
	a.on.turned = func() { a.apply.rouse(); tell(a.contact) }
	return a, nil
}

// run registers the machine if need be, and then does all the rest at once.
func (a *agent) run(ctx context.Context) error {
	var err error
	if a.instance, err = a.findInstance(ctx); err != nil {
		return startingErr(ctx, err)
	}
	a.Log = a.Log.With("instanceID", a.instance)
	if err := a.register(ctx); err != nil {
		return startingErr(ctx, err)
	}
	var all sync.WaitGroup
	for _, loop := range []func(context.Context){
		a.beat, a.watch, a.apply.run, a.rotate, a.watchSupervisor, a.watchContact, a.watchChannels,
	} {
		all.Go(func() { loop(ctx) })
	}
	all.Wait()
	return nil
}

// startingErr is nil for what only came of ctx being done.
func startingErr(ctx context.Context, err error) error {
	if done := ctx.Err(); done != nil && (errors.Is(err, done) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return fmt.Errorf("starting the agent: %w", err)
}

// wait is false when ctx is done before the time has passed or something has woken it.
func (a *agent) wait(ctx context.Context, d time.Duration, woken <-chan struct{}) bool {
	timer := a.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	case <-woken:
	}
	return ctx.Err() == nil
}

// tell wakes whoever waits, now or next.
func tell(woken chan<- struct{}) {
	select {
	case woken <- struct{}{}:
	default: // it is told already
	}
}
