// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package lives tests what happens to the machine of a bot between its birth and its end, with all controllers at work.
// What one controller does alone is tested beside it.
package lives

import (
	"testing"

	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
