// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// directoryMode keeps disks, which hold secrets, from others.
const directoryMode = 0o700

// Options say what is booted, and where.
type Options struct {
	// Agent is the path of the agent's binary.
	Agent string
	// Dir is where the disks are, and nothing else. Close removes what is in it.
	Dir string
	// Runtime is what agents run as the bot; nil is StandIn.
	Runtime Runtime
	// Clock tells when an agent that has ended is started again.
	Clock clock.Clock
	// Log is for people.
	Log *slog.Logger
	// Output is where the agents log to, several at once.
	Output io.Writer
}

// Machines are the machines of one simulator.
type Machines struct {
	opts Options

	mu       sync.Mutex
	closed   bool
	machines map[int64]*machine
	images   map[int64]*image
	all      sync.WaitGroup
}

var _ dosim.Machines = (*Machines)(nil)

// New makes machines for a simulator. Close them after it.
func New(opts Options) (*Machines, error) {
	var err error
	if opts.Agent, err = filepath.Abs(opts.Agent); err != nil {
		return nil, fmt.Errorf("finding the agent: %w", err)
	}
	if info, err := os.Stat(opts.Agent); err != nil {
		return nil, fmt.Errorf("finding the agent: %w", err)
	} else if info.IsDir() || info.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("finding the agent: %s is no program", opts.Agent)
	}
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, fmt.Errorf("making room for disks: %w", err)
	}
	if err := os.MkdirAll(opts.Dir, directoryMode); err != nil {
		return nil, fmt.Errorf("making room for disks: %w", err)
	}
	if opts.Runtime == nil {
		opts.Runtime = StandIn
	}
	return &Machines{opts: opts, machines: map[int64]*machine{}, images: map[int64]*image{}}, nil
}

// Close destroys every machine and every image, and returns when they are gone.
func (m *Machines) Close() error {
	m.mu.Lock()
	m.closed = true
	for _, one := range m.machines {
		one.orders.add(one.destroy)
	}
	clear(m.machines)
	var errs []error
	images := m.images
	m.images = map[int64]*image{}
	m.mu.Unlock()
	m.all.Wait()
	for _, image := range images {
		errs = append(errs, os.RemoveAll(image.dir))
	}
	return errors.Join(errs...)
}

// Disk implements dosim.Machines.
func (m *Machines) Disk(instance, from int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	one, found := m.machines[instance]
	if !found {
		one = newMachine(instance, &m.opts)
		m.machines[instance] = one
		m.all.Go(one.run)
	}
	source := m.images[from]
	if source != nil {
		source.users.Add(1)
	}
	one.orders.add(func() { one.format(source) })
}

// Start implements dosim.Machines.
func (m *Machines) Start(instance int64, userData string) {
	m.order(instance, func(one *machine) { one.boot(userData) })
}

// ShutDown implements dosim.Machines.
func (m *Machines) ShutDown(instance int64) { m.order(instance, (*machine).shutDown) }

// Cut implements dosim.Machines.
func (m *Machines) Cut(instance int64) { m.order(instance, (*machine).cut) }

// Destroy implements dosim.Machines.
func (m *Machines) Destroy(instance int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one, found := m.machines[instance]; found {
		one.orders.add(one.destroy) // the last
		delete(m.machines, instance)
	}
}

// Snapshot implements dosim.Machines.
func (m *Machines) Snapshot(instance, id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one, found := m.machines[instance]; found {
		taken := newImage(filepath.Join(m.opts.Dir, "image-"+strconv.FormatInt(id, 10)))
		m.images[id] = taken
		one.orders.add(func() { one.copyTo(taken) })
	}
}

// Forget implements dosim.Machines.
func (m *Machines) Forget(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if image, found := m.images[id]; found {
		delete(m.images, id)
		m.all.Go(func() {
			if err := image.remove(); err != nil {
				m.opts.Log.Error("an image cannot be removed", "image", id, "error", err)
			}
		})
	}
}

// Agents implements dosim.Machines.
func (m *Machines) Agents() []dosim.Agent {
	m.mu.Lock()
	defer m.mu.Unlock()
	agents := []dosim.Agent{}
	for _, one := range m.machines {
		if agent, on := one.shown(); on {
			agents = append(agents, agent)
		}
	}
	slices.SortFunc(agents, func(a, b dosim.Agent) int { return cmp.Compare(a.Instance, b.Instance) })
	return agents
}

// StopAgent implements dosim.Machines.
func (m *Machines) StopAgent(instance int64) error { return m.ask(instance, (*machine).stopAgent) }

// StartAgent implements dosim.Machines.
func (m *Machines) StartAgent(instance int64) error { return m.ask(instance, (*machine).startAgain) }

// order is false when there is no such machine.
func (m *Machines) order(instance int64, do func(*machine)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	one, found := m.machines[instance]
	if found {
		one.orders.add(func() { do(one) })
	}
	return found
}

// ask orders, and returns when it is done.
func (m *Machines) ask(instance int64, do func(*machine) error) error {
	answer := make(chan error, 1)
	if !m.order(instance, func(one *machine) { answer <- do(one) }) {
		return noAgent(instance)
	}
	return <-answer
}

func noAgent(instance int64) error {
	return fmt.Errorf("instance %d has no agent: %w", instance, dosim.ErrNoInstance)
}
