// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

const (
	// restartDelay is that of the unit in the user data.
	restartDelay = 5 * time.Second
	// stopGrace is how long an agent has to end when it is asked.
	stopGrace = 5 * time.Second
)

// machine is one instance. It does what it is ordered to, one after the other.
type machine struct {
	id     int64
	opts   *Options
	dir    string
	orders *orders

	// Only run uses these. restart is when an agent that has ended by itself starts again.
	disk    disk
	gone    bool
	agent   *process
	restart <-chan time.Time
	silent  bool // it was said that nothing boots

	mu   sync.Mutex
	show dosim.Agent
	on   bool // and it has an agent
}

func newMachine(id int64, opts *Options) *machine {
	dir := filepath.Join(opts.Dir, strconv.FormatInt(id, 10))
	return &machine{
		id: id, opts: opts, dir: dir, disk: disk(filepath.Join(dir, "disk")), orders: newOrders(),
		show: dosim.Agent{Instance: id},
	}
}

// run returns when the machine is destroyed.
func (m *machine) run() {
	for !m.gone {
		select {
		case <-m.orders.wake:
			for _, order := range m.orders.take() {
				order()
			}
		case <-m.agent.over():
			m.noteEnd()
		case <-m.restart:
			m.start()
		}
	}
}

// format gives it another disk.
func (m *machine) format(from *image) {
	if err := m.disk.format(from); err != nil {
		m.opts.Log.Error("there is no disk", "instance", m.id, "error", err)
	}
}

// boot does what happens from the power button to the agent.
func (m *machine) boot(userData string) {
	m.end(0)
	bootID := newBootID()
	found, err := m.disk.cloudInit(m.id, userData)
	if err == nil && found {
		err = m.configure(bootID)
	}
	switch {
	case err != nil:
		m.opts.Log.Error("nothing boots", "instance", m.id, "error", err)
		return
	case !found && !m.silent:
		m.silent = true
		m.opts.Log.Info("nothing boots: there is no agent in the user data", "instance", m.id)
		return
	case !found:
		return
	}
	m.set(func(a *dosim.Agent) { a.BootID, a.Boots, m.on = bootID, a.Boots+1, true })
	m.start()
}

// configure writes what the agent is told in this boot: what is on the disk, and where it is. Memory is empty.
func (m *machine) configure(bootID string) error {
	if err := os.RemoveAll(m.memory()); err != nil {
		return fmt.Errorf("emptying the memory: %w", err)
	}
	if err := os.MkdirAll(m.memory(), directoryMode); err != nil {
		return fmt.Errorf("emptying the memory: %w", err)
	}
	onDisk, err := os.ReadFile(m.disk.agentConfig())
	if err != nil {
		return fmt.Errorf("reading the agent's configuration: %w", err)
	}
	runtime, err := m.opts.Runtime(Where{Disk: string(m.disk)})
	if err != nil {
		return err
	}
	config, err := place(onDisk, whereabouts{
		instance: m.id, boot: bootID, state: m.disk.state(), runtime: filepath.Join(m.memory(), "runtime"),
	}, runtime)
	if err != nil {
		return err
	}
	return os.WriteFile(m.config(), config, fileMode)
}

func (m *machine) memory() string { return filepath.Join(m.dir, "memory") }

func (m *machine) config() string { return filepath.Join(m.memory(), "agent.yaml") }

// start starts the agent.
func (m *machine) start() {
	m.restart = nil
	agent, err := startProcess(m.opts.Agent, m.config(), m.opts.Output)
	if err != nil {
		m.opts.Log.Error("the agent cannot be started", "instance", m.id, "error", err)
		m.restart = m.opts.Clock.After(restartDelay)
		return
	}
	m.agent = agent
	m.set(func(a *dosim.Agent) { a.PID = agent.pid })
}

// noteEnd is when the agent has ended by itself, as an agent may that updates itself.
func (m *machine) noteEnd() {
	m.opts.Log.Warn("the agent has ended", "instance", m.id, "ending", m.agent.ending())
	m.end(0)
	m.restart = m.opts.Clock.After(restartDelay)
}

// end ends the agent: at once, or when it has had some time to end by itself.
func (m *machine) end(grace time.Duration) {
	if m.agent != nil {
		m.agent.end(m.opts.Clock, grace)
	}
	m.agent, m.restart = nil, nil
	m.set(func(a *dosim.Agent) { a.PID = 0 })
}

func (m *machine) shutDown() { m.end(stopGrace); m.off() }

func (m *machine) cut() { m.end(0); m.off() }

func (m *machine) off() {
	m.set(func(*dosim.Agent) { m.on = false })
}

func (m *machine) destroy() {
	m.cut()
	m.gone = true
	if err := os.RemoveAll(m.dir); err != nil {
		m.opts.Log.Error("a disk cannot be wiped", "instance", m.id, "error", err)
	}
}

func (m *machine) copyTo(taken *image) {
	if err := taken.fill(m.disk); err != nil {
		m.opts.Log.Error("a snapshot has failed", "instance", m.id, "error", err)
	}
}

func (m *machine) stopAgent() error {
	if !m.isOn() {
		return noAgent(m.id)
	}
	m.end(stopGrace)
	return nil
}

func (m *machine) startAgain() error {
	if !m.isOn() {
		return noAgent(m.id)
	}
	if m.agent == nil {
		m.start()
	}
	if m.agent == nil {
		return errors.New("the agent cannot be started")
	}
	return nil
}

func (m *machine) isOn() bool { _, on := m.shown(); return on }

func (m *machine) shown() (agent dosim.Agent, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.show, m.on
}

func (m *machine) set(change func(*dosim.Agent)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.show)
}

// newBootID is a random uuid, as the kernel's.
func newBootID() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // it never fails: see crypto/rand
	bits[6] = bits[6]&0x0f | 0x40
	bits[8] = bits[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bits[0:4], bits[4:6], bits[6:8], bits[8:10], bits[10:16])
}
