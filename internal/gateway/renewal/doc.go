// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package renewal writes what machines say into their Leases, and no more often than the API server is to be asked for
// it. A Lease is renewed once in a window, which grows with the fleet; what is new in a heartbeat goes first in line,
// within the same budget. All gateways share one budget, each by how many machines it hears.
package renewal
