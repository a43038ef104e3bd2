// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package tokenfile reads a token from a mounted Secret and notices when the Secret changes.
package tokenfile

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// rereadAfter is how stale a token may be. The kubelet takes about a minute to update a mounted Secret anyway.
const rereadAfter = 5 * time.Second

// File is a token in a file. It never fails and never panics: a file that cannot be read is an empty token, which the
// cloud client refuses to send. It is safe for concurrent use.
type File struct {
	path  string
	clock clock.PassiveClock

	mu     sync.Mutex
	token  string
	readAt time.Time
}

// Open reads the token once, so that a wrong path is noticed at the start of the program.
func Open(path string, c clock.PassiveClock) (*File, error) {
	f := &File{path: path, clock: c}
	if _, err := os.ReadFile(path); err != nil { //nolint:gosec // the path is the administrator's own setting
		return nil, fmt.Errorf("reading the token file: %w", err)
	}
	return f, nil
}

// Token is the file's content without surrounding white space, at most five seconds old.
func (f *File) Token() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.clock.Now(); f.readAt.IsZero() || now.Sub(f.readAt) > rereadAfter {
		content, _ := os.ReadFile(f.path) // a file that is being replaced is read again soon
		f.token, f.readAt = strings.TrimSpace(string(content)), now
	}
	return f.token
}
