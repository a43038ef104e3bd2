// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance lets a test hold both sides of the DigitalOcean API to the published description of it: what a
// client sends, and what the simulator answers. It is for tests only.
//
// The description is not part of this repository; the environment variable DO_OPENAPI names the file. Without it
// nothing is checked, and the test says so in its log.
package conformance
