// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package helper

import (
	"errors"
	"net"
)

// peerOf is not known: machines have Linux.
func peerOf(net.Conn) (uint32, error) { return 0, errors.ErrUnsupported }
