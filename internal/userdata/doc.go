// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package userdata writes what a machine is told when it is first booted: a cloud-config that installs the agent, and
// the agent's configuration. Whatever runs on the machine can read it for as long as the machine lives, so the one
// secret in it is the registration token, which is worth nothing once it was used.
package userdata
