// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package version_test

import (
	"testing"

	"github.com/cedros-io/open-spawn/internal/version"
)

func TestABuildWithoutAVersionIsADevelopersOwn(t *testing.T) {
	if got := version.Version(); got != "dev" {
		t.Errorf("version %q, want dev", got)
	}
}
