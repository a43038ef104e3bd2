// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package facts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/facts"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestFactsAreTheKernels(t *testing.T) {
	proc := t.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "sys/kernel/random"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"sys/kernel/random/boot_id": "8f7d0ee6-5f2b-4b6e-9f63-1a2b3c4d5e6f\n",
		"meminfo":                   "MemTotal: 2048 kB\nMemFree:  1 kB\nMemAvailable:    1024 kB\nHugePages_Total: 0\n",
	} {
		if err := os.WriteFile(filepath.Join(proc, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if id, err := facts.BootID(proc); err != nil || id != "8f7d0ee6-5f2b-4b6e-9f63-1a2b3c4d5e6f" {
		t.Errorf("boot id %q (%v)", id, err)
	}
	want := protocol.Space{TotalBytes: 2 << 20, FreeBytes: 1 << 20}
	if memory, err := facts.Memory(proc); err != nil || memory != want {
		t.Errorf("memory %+v (%v), want %+v", memory, err, want)
	}
	if disk, err := facts.Disk(proc); err != nil || disk.TotalBytes <= 0 || disk.FreeBytes > disk.TotalBytes {
		t.Errorf("disk %+v (%v)", disk, err)
	}
}

func TestFactsThatAreNotThereAreErrors(t *testing.T) {
	proc := t.TempDir()
	if _, err := facts.BootID(proc); err == nil {
		t.Error("there is a boot id")
	}
	if _, err := facts.Memory(proc); err == nil {
		t.Error("there is memory")
	}
	if err := os.WriteFile(filepath.Join(proc, "meminfo"), []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := facts.Memory(proc); err == nil {
		t.Error("there is memory")
	}
	if _, err := facts.Disk(filepath.Join(proc, "missing")); err == nil {
		t.Error("there is a disk")
	}
}
