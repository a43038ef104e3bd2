// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package userdata writes what a machine is told when it is first booted: a cloud-config with the units and scripts
// that make an empty image a machine of the fleet, what is particular about this one, and the agent's configuration.
// Whoever is root on the machine can read it for as long as the machine lives, so the one secret in it is the
// registration token, which is worth nothing once it was used.
package userdata
