// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package boot

import "syscall"

// attributes keep an agent from signals of our terminal. Agents are for Linux; elsewhere nothing kills one when we are.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
