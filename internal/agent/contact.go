// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import "context"

// watchContact stops the runtime of a bot that is to stop when no gateway was reached for its grace.
func (a *agent) watchContact(ctx context.Context) {
	for ctx.Err() == nil {
		left, ends := a.on.untilLost()
		switch {
		case !ends:
			select {
			case <-ctx.Done():
			case <-a.contact:
			}
		case left > 0:
			a.wait(ctx, left, a.contact)
		default:
			a.on.checkContact()
		}
	}
}
