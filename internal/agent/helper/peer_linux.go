// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"errors"
	"net"
	"syscall"
)

var errNoSocket = errors.New("it is no Unix socket")

// peerOf is the user who has connected, as the kernel says.
func peerOf(conn net.Conn) (uint32, error) {
	unix, is := conn.(*net.UnixConn)
	if !is {
		return 0, errNoSocket
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *syscall.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(controlErr, err); err != nil {
		return 0, err
	}
	return peer.Uid, nil
}
