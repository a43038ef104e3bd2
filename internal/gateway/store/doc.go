// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package store is what a gateway knows: the Secrets and Leases of the delivery namespace, and nothing else in the
// cluster. It watches both, and reads each object once for every change of it, so that answering a machine costs two
// looks into a map. What must not be old is read live.
package store
