// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway is the HTTPS server that machines call. It knows the delivery namespace and nothing else of the
// cluster, holds no cloud token, and cannot read what it relays. Any number of replicas serve the same machines, and
// none of them keeps anything: what a machine has said is in its Lease.
//
// A machine is refused with 401 only if what it showed is wrong, and that is looked up live before it is said. When we
// cannot tell, the answer is 503, and nothing is allowed. docs/protocol.yaml describes the calls.
package gateway
