// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package policy judges whether an Account lets a Bot be what its spec says: where it lives, what machine it asks for,
// whether it trades with real money, which model endpoint it uses and which Secrets it names. The webhook asks it to
// refuse early, and the controller before any machine exists; both say it in the same words.
package policy
