// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

const (
	// renameExchange is RENAME_EXCHANGE of renameat2(2), and here AT_FDCWD: both paths are absolute.
	renameExchange = 2
	here           = -100
)

// exchange has each of two paths be the other, at one blow.
func exchange(a, b string) error {
	number, known := map[string]uintptr{"amd64": 316, "arm64": 276}[runtime.GOARCH]
	if !known {
		return syscall.ENOSYS
	}
	from, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	to, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	at := here
	_, _, failed := syscall.Syscall6(number, uintptr(at), uintptr(unsafe.Pointer(from)), uintptr(at), //nolint:gosec // as
		uintptr(unsafe.Pointer(to)), renameExchange, 0) //nolint:gosec // the call wants it
	if failed != 0 {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: failed}
	}
	return nil
}
