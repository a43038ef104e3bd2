// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package facts reads what a machine is and what it has left.
package facts

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// Proc is where the kernel tells.
const Proc = "/proc"

var errNoMemory = errors.New("the kernel does not say how much memory there is")

// BootID is the kernel's id of this boot.
func BootID(proc string) (string, error) {
	content, err := os.ReadFile(filepath.Join(proc, "sys/kernel/random/boot_id")) //nolint:gosec // in /proc
	if err != nil {
		return "", fmt.Errorf("reading the id of this boot: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// Disk is the file system that a path is on; free is what is free for those who are not root.
func Disk(path string) (protocol.Space, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return protocol.Space{}, fmt.Errorf("asking how full the disk is: %w", err)
	}
	size := int64(stat.Bsize) //nolint:unconvert // it is not an int64 everywhere
	return protocol.Space{
		TotalBytes: int64(stat.Blocks) * size, FreeBytes: int64(stat.Bavail) * size, //nolint:gosec // less than an exbibyte
	}, nil
}

// Memory is that of the machine; free is what a program could have without swapping.
func Memory(proc string) (protocol.Space, error) {
	content, err := os.ReadFile(filepath.Join(proc, "meminfo")) //nolint:gosec // in /proc
	if err != nil {
		return protocol.Space{}, fmt.Errorf("reading how much memory there is: %w", err)
	}
	kilobytes := map[string]int64{}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 {
			kilobytes[fields[0]], _ = strconv.ParseInt(fields[1], 10, 64) // what is no number is none
		}
	}
	space := protocol.Space{TotalBytes: kilobytes["MemTotal:"] << 10, FreeBytes: kilobytes["MemAvailable:"] << 10}
	if space.TotalBytes == 0 {
		return protocol.Space{}, errNoMemory
	}
	return space, nil
}
