// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

const certificate = "-----BEGIN CERTIFICATE-----\n"

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnAuthorityIsReadAgainAndNeverLost(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := openAuthority(path, clock); err == nil {
		t.Error("a file that is not there is an authority")
	}
	write(t, path, "nonsense")
	if _, err := openAuthority(path, clock); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a file without a certificate: %v", err)
	}
	write(t, path, certificate+"one")
	a, err := openAuthority(path, clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ written, want string }{
		{certificate + "two", certificate + "two"}, {"nonsense", certificate + "two"},
		{certificate + "three", certificate + "three"},
	} {
		write(t, path, step.written)
		clock.SetTime(clock.Now().Add(time.Minute))
		if got := a.PEM(); got != step.want {
			t.Errorf("after %q was written it is %q", step.written, got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	clock.SetTime(clock.Now().Add(time.Minute))
	if got := a.PEM(); got != certificate+"three" {
		t.Errorf("without the file it is %q", got)
	}
	none, err := openAuthority("", clock)
	if err != nil || none.PEM() != "" {
		t.Errorf("without a path it is %q, %v", none.PEM(), err)
	}
}

func TestTheBuildsOfTheAgentAreKnownByTheirDigests(t *testing.T) {
	if got, err := agentDigests(""); err != nil || len(got) != 0 {
		t.Errorf("without a directory: %v, %v", got, err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "agent-linux-amd64"), "one")
	if _, err := agentDigests(dir); err == nil || !strings.Contains(err.Error(), "agent-linux-arm64") {
		t.Errorf("without one of the two: %v", err)
	}
	write(t, filepath.Join(dir, "agent-linux-arm64"), "two")
	got, err := agentDigests(dir)
	if err != nil || len(got) != 2 || got["amd64"] == got["arm64"] || len(got["amd64"]) != 64 {
		t.Errorf("they are %v, %v", got, err)
	}
}
