// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	reads "github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// pluginsFile names the plugins that the config needs, one on a line, for whoever starts OpenClaw.
const pluginsFile = "plugins"

// pluginList is the content of pluginsFile.
func pluginList(c *protocol.BotConfig) []byte {
	var all strings.Builder
	for _, plugin := range reads.Plugins(c) {
		all.WriteString(plugin + "\n")
	}
	return []byte(all.String())
}

// plugins are those that the files in a directory need; none when it does not say.
func plugins(directory string) ([]string, error) {
	content, err := os.ReadFile(filepath.Join(directory, pluginsFile)) //nolint:gosec // in the runtime's directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading which plugins are needed: %w", err)
	}
	return strings.Fields(string(content)), nil
}

// withPlugins runs OpenClaw after it has put the plugins in place, by the script that comes with that version. On a
// machine run-openclaw does the same.
func (p program) withPlugins(directory string, args ...string) supervisor.Program {
	args = append([]string{p.entry()}, args...)
	prepare := filepath.Join(p.home, "plugins", "prepare")
	if _, err := os.Stat(prepare); err != nil {
		return supervisor.Program{Command: p.node, Args: args} // that none is needed was seen by validating
	}
	return supervisor.Program{Command: "/bin/sh", Args: append([]string{
		"-c", `"$0" "$1" && shift && exec "$@"`, prepare, filepath.Join(directory, pluginsFile), p.node,
	}, args...)}
}

// showPlugins lets a validation see the plugins that the files in a directory need, in a state directory of its own.
// Nothing of them is run, so links will do.
func (p program) showPlugins(directory, state string) error {
	needed, err := plugins(directory)
	if err != nil || len(needed) == 0 {
		return err
	}
	for _, plugin := range needed {
		from, to := filepath.Join(p.home, "plugins", plugin), filepath.Join(state, "npm", "projects", plugin)
		about, err := os.ReadFile(filepath.Join(from, "package.json")) //nolint:gosec // what was installed
		if err != nil {
			return fmt.Errorf("OpenClaw %s is installed without plugin %s: %w", filepath.Base(p.home), plugin, err)
		}
		if err := os.MkdirAll(to, 0o700); err != nil {
			return fmt.Errorf("showing plugin %s: %w", plugin, err)
		}
		err = os.WriteFile(filepath.Join(to, "package.json"), about, 0o600) //nolint:gosec // in a new directory
		if err != nil {
			return fmt.Errorf("showing plugin %s: %w", plugin, err)
		}
		if err := os.Symlink(filepath.Join(from, "node_modules"), filepath.Join(to, "node_modules")); err != nil {
			return fmt.Errorf("showing plugin %s: %w", plugin, err)
		}
	}
	return nil
}
