// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"slices"
	"testing"

	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// TestASkillThatIsNotInstalledIsSaid: a bot must not seem to know what nobody has taught it.
func TestASkillThatIsNotInstalledIsSaid(t *testing.T) {
	rendered, err := openclaw.Render(scout(func(c *protocol.BotConfig) {
		c.Skills = []protocol.Skill{{Name: "@acme/charts", Version: "1.4.2"}, {Name: "news", Version: "0.1.0"}}
	}), nil, at)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"spec.skills[@acme/charts@1.4.2]", "spec.skills[news@0.1.0]"}
	if !slices.Equal(rendered.Ignored, want) {
		t.Errorf("ignored is %q, want %q", rendered.Ignored, want)
	}
	if _, is := rendered.Workspace["skills/news/SKILL.md"]; is {
		t.Error("it is there")
	}
}
