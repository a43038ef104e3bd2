// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package limit

import "sync/atomic"

// Pool is how many may be at it at once. It never makes anybody wait.
type Pool struct {
	size   int64
	inside atomic.Int64
}

// NewPool makes a Pool for size at once.
func NewPool(size int) *Pool { return &Pool{size: int64(size)} }

// Enter tells whether there is room. Whoever has entered leaves.
func (p *Pool) Enter() bool {
	if p.inside.Add(1) > p.size {
		p.inside.Add(-1)
		return false
	}
	return true
}

// Leave makes room.
func (p *Pool) Leave() { p.inside.Add(-1) }

// Inside is how many are at it.
func (p *Pool) Inside() int { return int(p.inside.Load()) }
