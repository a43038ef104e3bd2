// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package state keeps what the agent must not forget: who it is, where the gateways are, and the configs that worked.
// What a call has returned is on the disk, also when the power is cut the moment after; what was being written then is
// either there as a whole or not at all. Each file begins with the digest of the rest, and one that does not agree with
// its digest is as good as none.
//
// Secrets of a config are kept only as they came, sealed; only the credential and the key that opens them are here, in
// files that nobody else reads.
package state
