// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package agent is the process on a machine: it registers, says how the machine is, takes configs, and keeps the
// runtime running exactly while a gateway says so.
//
// Loops that know little of each other do that, each in its file: register, beat, watch, apply, rotate. They meet in
// the keyring (with which credential to call), the runSwitch (whether the runtime is to run) and the applier's mailbox.
package agent
