// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"sync"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// mailbox is where the loops meet the applier: the newest config goes in, and what became of configs comes out.
type mailbox struct {
	// wake tells the applier to look.
	wake chan struct{}

	mu sync.Mutex
	// newest is the newest config that came in this life, and announced the newest that there is said to be.
	newest    *protocol.Config
	announced int64
	// mended tells that what stood in the way of a config may not any more.
	mended bool
	// decided is the version of which it is known whether it works, and good that of the last that does.
	decided, good int64
	result        *protocol.ConfigResult
}

// offer takes a config; false when it is not newer than what we have. A gateway may be behind another one.
func (m *mailbox) offer(c *protocol.Config) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Version <= m.haveLocked() {
		return false
	}
	m.newest = c
	tell(m.wake)
	return true
}

// have is the version that need not be sent to us.
func (m *mailbox) have() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.haveLocked()
}

func (m *mailbox) haveLocked() int64 {
	if m.newest != nil {
		return max(m.newest.Version, m.decided)
	}
	return m.decided
}

// announce says which version there is said to be; true when we do not have it.
func (m *mailbox) announce(version int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.announced = version
	return version > m.haveLocked()
}

// behind tells whether there is said to be a version that we do not have.
func (m *mailbox) behind() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.announced > m.haveLocked()
}

// mend has the applier try again at once what failed for a while.
func (m *mailbox) mend() {
	m.mu.Lock()
	m.mended = true
	m.mu.Unlock()
	tell(m.wake)
}

// isMended is true once for any number of mends.
func (m *mailbox) isMended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := m.mended
	m.mended = false
	return is
}

// undecided is the newest config, if it is not known whether it works.
func (m *mailbox) undecided() *protocol.Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest == nil || m.newest.Version <= m.decided {
		return nil
	}
	return m.newest
}

// report is what a heartbeat says of configs.
func (m *mailbox) report() (good int64, result *protocol.ConfigResult) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.good, m.result
}

// decide says what became of a config. One that failed for a reason that may pass is not decided.
func (m *mailbox) decide(result *protocol.ConfigResult, final bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.result = result
	if final {
		m.decided = result.Version
	}
	if result.Applied {
		m.good = result.Version
	}
}
