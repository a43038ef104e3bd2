// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"slices"
	"testing"

	"github.com/cedros-io/open-spawn/internal/openclaw"
)

func TestVersionsAreInOrder(t *testing.T) {
	in := []string{"2025.12.31", "2026.9.5", "2026.9.6", "2026.9.10", "2026.10.1", "2027.1.1"}
	shuffled := []string{in[4], in[2], in[5], in[0], in[3], in[1]}
	slices.SortFunc(shuffled, openclaw.Compare)
	if !slices.Equal(shuffled, in) {
		t.Errorf("in order: %v", shuffled)
	}
	if !slices.IsSortedFunc(openclaw.Supported(), openclaw.Compare) || openclaw.Compare(in[1], in[1]) != 0 {
		t.Error("the supported ones are in no order")
	}
	if !slices.Contains(openclaw.Supported(), openclaw.Default) {
		t.Error("the default is not supported")
	}
}
