// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// killing is the time between two looks at what was killed.
const killing = 20 * time.Millisecond

// clear implements Launcher. It ends what an agent before us has started and could not stop, because it was killed
// itself: two runtimes with one set of keys lose money. The kernel has killed the program; what that had started is
// found by its mark.
func (c *Child) clear(ctx context.Context) {
	for {
		left := marked(c.Owner)
		if len(left) == 0 {
			return
		}
		c.Log.Warn("killing what an earlier agent has left", "processes", left)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if !pass(ctx, c.Clock, killing) {
			return
		}
	}
}

// marked are the processes whose environment bears the owner's mark, as far as we may see that.
func marked(owner string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // none where there is no such thing
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // in /proc
		if err != nil {
			continue // it is gone, or somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && slices.ContainsFunc(bytes.Split(content, []byte{0}), func(variable []byte) bool {
			return string(variable) == ownerVariable+"="+owner
		}) {
			pids = append(pids, pid)
		}
	}
	return pids
}
