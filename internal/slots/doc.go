// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package slots reads and writes the slots of an Account: the permissions for its Bots to own a machine. Each write is
// one patch that says all it depends on, so that any number of webhooks and controllers may write at once, and the API
// server itself refuses what would exceed the Account's limit. Nothing here counts.
//
// A slot is reserved, by name, when a Bot is about to be created; bound, to the uid, when the Bot exists; and released
// when its machine is confirmed gone.
package slots
