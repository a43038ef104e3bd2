// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import "sync"

// orders are what a machine has yet to do. There may be any number, and whoever gives one does not wait.
type orders struct {
	wake chan struct{}

	mu   sync.Mutex
	list []func()
}

func newOrders() *orders { return &orders{wake: make(chan struct{}, 1)} }

func (o *orders) add(order func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, order)
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

// take is all of them.
func (o *orders) take() []func() {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.list
	o.list = nil
	return all
}
