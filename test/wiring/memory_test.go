// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	// searchedAtOnce is how much memory is looked at in one piece.
	searchedAtOnce = 4 << 20
	// searchedAtMost bounds the search: no manager of a test has so much memory in use.
	searchedAtMost = 4 << 30
)

// region is a part of a program's memory, from one address up to another.
type region struct{ from, to int64 }

// holds tells which of these strings are in the memory of the program, as they are or as they stand in JSON when their
// length is a multiple of three: base64. The program stands still meanwhile, so that nothing moves past the search.
func (c *child) holds(t *testing.T, texts ...string) map[string]bool {
	t.Helper()
	c.signal(t, syscall.SIGSTOP)
	defer c.signal(t, syscall.SIGCONT)
	proc := fmt.Sprintf("/proc/%d/", c.cmd.Process.Pid)
	eventually(t, "the program stands still", soonEnough, func(context.Context) error {
		stat := readLog(t, proc+"stat")
		if !strings.Contains(stat, ") T ") {
			return fmt.Errorf("its state is %s", stat)
		}
		return nil
	})
	memory, err := os.Open(proc + "mem")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	found, searched := map[string]bool{}, int64(0)
	for _, part := range memoryOf(t, proc+"maps") {
		if searched += part.to - part.from; searched > searchedAtMost {
			t.Fatalf("the program has more than %d bytes of memory", int64(searchedAtMost))
		}
		if err := part.search(memory, texts, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// memoryOf are the parts that hold what the program has made: all that it can read, but what is only mapped from a
// file. Parts side by side are one.
func memoryOf(t *testing.T, maps string) (parts []region) {
	t.Helper()
	for line := range strings.Lines(readLog(t, maps)) {
		words := strings.Fields(line) // from-to, rights, offset, device, inode, and a name or none
		const unnamed = 5
		rights, inode := words[1], words[4]
		fromKernel := len(words) > unnamed && strings.HasPrefix(words[unnamed], "[v") // vdso, vvar, vsyscall
		if rights[0] != 'r' || fromKernel || (rights[1] != 'w' && inode != "0") {
			continue
		}
		from, to, _ := strings.Cut(words[0], "-")
		part := region{from: address(t, from), to: address(t, to)}
		if last := len(parts) - 1; last >= 0 && parts[last].to == part.from {
			parts[last].to = part.to
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

func address(t *testing.T, hexadecimal string) int64 {
	t.Helper()
	at, err := strconv.ParseInt(hexadecimal, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// search notes which texts are in the region. Pieces overlap, so that nothing is cut in two.
func (r region) search(memory *os.File, texts []string, found map[string]bool) error {
	const overlap = 256
	buffer := make([]byte, searchedAtOnce+overlap)
	for at := r.from; at < r.to; at += searchedAtOnce {
		piece := buffer[:min(r.to-at, int64(len(buffer)))]
		if _, err := memory.ReadAt(piece, at); err != nil {
			return fmt.Errorf("reading %d bytes of memory at %x: %w", len(piece), at, err)
		}
		for _, text := range texts {
			raw := []byte(text)
			if bytes.Contains(piece, raw) || bytes.Contains(piece, []byte(base64.RawStdEncoding.EncodeToString(raw))) {
				found[text] = true
			}
		}
	}
	return nil
}
