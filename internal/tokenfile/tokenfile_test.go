// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package tokenfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/tokenfile"
)

// mounted is a token file, and the time by which it is read.
type mounted struct {
	path  string
	clock *clocktesting.FakePassiveClock
}

func newMounted(t *testing.T, content string) mounted {
	t.Helper()
	m := mounted{
		path:  filepath.Join(t.TempDir(), "token"),
		clock: clocktesting.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	m.write(t, content)
	return m
}

func (m mounted) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(m.path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m mounted) step(d time.Duration) { m.clock.SetTime(m.clock.Now().Add(d)) }

func (m mounted) open(t *testing.T) *tokenfile.File {
	t.Helper()
	file, err := tokenfile.Open(m.path, m.clock)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestATokenIsReadWithoutTheSpaceAroundIt(t *testing.T) {
	for content, want := range map[string]string{
		"dop_v1_abc": "dop_v1_abc", "dop_v1_abc\n": "dop_v1_abc", " \tdop_v1_abc\r\n\n": "dop_v1_abc", "": "", "\n": "",
	} {
		if got := newMounted(t, content).open(t).Token(); got != want {
			t.Errorf("%q is read as %q, want %q", content, got, want)
		}
	}
}

func TestAReplacedTokenIsNoticedInSeconds(t *testing.T) {
	m := newMounted(t, "old")
	file := m.open(t)
	if got := file.Token(); got != "old" {
		t.Fatalf("token %q", got)
	}
	m.write(t, "new")
	m.step(5 * time.Second)
	if got := file.Token(); got != "old" {
		t.Errorf("after 5 s the file was read again: %q", got)
	}
	m.step(time.Millisecond)
	if got := file.Token(); got != "new" {
		t.Errorf("after more than 5 s the token is %q, want new", got)
	}
}

func TestAFileThatVanishesIsNoTokenUntilItIsBack(t *testing.T) {
	m := newMounted(t, "old")
	file := m.open(t)
	if err := os.Remove(m.path); err != nil {
		t.Fatal(err)
	}
	m.step(time.Minute)
	if got := file.Token(); got != "" {
		t.Errorf("without a file the token is %q", got)
	}
	m.write(t, "back")
	m.step(time.Minute)
	if got := file.Token(); got != "back" {
		t.Errorf("token %q, want back", got)
	}
}

func TestAWrongPathIsNoticedAtOnce(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "nothing"), dir} {
		if file, err := tokenfile.Open(path, clocktesting.NewFakePassiveClock(time.Time{})); err == nil || file != nil {
			t.Errorf("%s: opened %v, %v", path, file, err)
		}
	}
}

func TestHIGH004_AnyContentIsATokenAndNeverAPanic(t *testing.T) {
	m := newMounted(t, "first")
	file := m.open(t)
	for _, content := range []string{
		"a\nb", "a\x00b", "\x7f", "\xff\xfe", "Bearer x\r\nHost: evil", string(make([]byte, 1<<20)),
	} {
		m.write(t, content)
		m.step(time.Minute)
		_ = file.Token()
	}
	m.write(t, "good")
	m.step(time.Minute)
	if got := file.Token(); got != "good" {
		t.Errorf("token %q, want good", got)
	}
}

func TestATokenIsReadFromManyGoroutines(t *testing.T) {
	m := newMounted(t, "token")
	file := m.open(t)
	done := make(chan string)
	for range 8 {
		go func() { done <- file.Token() }()
	}
	for range 8 {
		if got := <-done; got != "token" {
			t.Errorf("token %q", got)
		}
	}
}
