// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package supervisor

import "syscall"

// attributes make a process the leader of its own session. Machines run Linux; elsewhere nothing kills it when we are.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
