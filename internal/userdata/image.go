// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata

import (
	"encoding/base64"
	"fmt"
	"path"
	"strings"
)

// The parts of the script around the files.
const (
	imageBegin = `#!/bin/sh
# Makes of this machine, which is to be a fresh one, what an image of a fleet's machines is made of. As root:
#   sh image.sh AGENT       the agent's build for this kind of machine
set -eu
umask 022
root=${OPEN_SPAWN_ROOT-} # set by tests only
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
  echo "image: which file is the agent?" >&2
  exit 2
fi
if [ -e "$root/var/lib/spawn-agent/identity.json" ]; then
  echo "image: this machine has been a bot: its disk has that bot's credential" >&2
  exit 1
fi
`
	imageEnd = `for step in users firewall login journal upgrades runtime; do
  echo "image: $step"
  "$root` + BootstrapPath + `" "$step"
done
install -D -m 0755 "$1" "$root/usr/local/bin/spawn-agent"
rm -rf "$root` + AgentConfigPath + `" "$root` + PlanPath + `" "$root/var/lib/spawn-agent"
rm -f "$root/root/.ssh/authorized_keys" "$root"/etc/ssh/ssh_host_*
apt-get clean
cloud-init clean --logs --machine-id
echo "image: power this machine off, and take a snapshot"
`
)

// Image is a script that makes a fresh machine what a snapshot is taken of, with everything on its disk that machines
// have in common.
func Image(archive Archive, mirror string) (string, error) {
	m := Machine{Archive: archive, Mirror: mirror}
	if err := m.checkSoftware(); err != nil {
		return "", fmt.Errorf("an image: %w", err)
	}
	all, err := fixed()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(imageBegin)
	for _, f := range append(all, file{Path: PlanPath, Permissions: readable, Content: m.plan()}) {
		fmt.Fprintf(&b, "mkdir -p \"$root%s\"\nbase64 --decode >\"$root%s\" <<'E'\n%s\nE\nchmod %s \"$root%s\"\n",
			path.Dir(f.Path), f.Path, wrap(base64.StdEncoding.EncodeToString([]byte(f.Content))), f.Permissions, f.Path)
	}
	b.WriteString(imageEnd)
	return b.String(), nil
}

// wrap breaks a text into lines.
func wrap(text string) string {
	const width = 100
	var lines []string
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), "\n")
}
