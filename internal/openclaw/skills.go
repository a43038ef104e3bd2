// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// notInstalled are the skills that a bot is to be taught, as what counts for nothing. OpenClaw would fetch them from a
// registry while it runs, by name: what it gets then is checked against nothing that the Bot's owner has seen. So
// nobody installs them, and that is said, rather than that they seem to be there.
func notInstalled(c *protocol.BotConfig) []string {
	var all []string
	for _, skill := range c.Skills {
		all = append(all, fmt.Sprintf("spec.skills[%s@%s]", skill.Name, skill.Version))
	}
	return all
}
