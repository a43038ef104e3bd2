// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// guardScript waits on its standard input: a line means that Stop did its work; the end of the input without a line
// means that we are gone, however that came about. Then it kills the processes that carry our directory in their
// flags, which needs the /proc of Linux and does nothing elsewhere.
const guardScript = `
if read -r line; then exit 0; fi
for file in $(grep -lsF -e "--data-dir=$PLANE_DIR/" -e "--cert-dir=$PLANE_DIR/" /proc/[0-9]*/cmdline); do
	pid=${file#/proc/}
	kill -9 "${pid%/cmdline}" 2>/dev/null
done
if [ "$PLANE_TEMPORARY" = true ]; then rm -rf "$PLANE_DIR"; fi
`

// guard ends the plane's processes if this process dies without Stop: a panic, a test timeout, kill -9. They are in
// process groups of their own, so nothing else would.
type guard struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

func startGuard(ctx context.Context, l layout) (*guard, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", guardScript)
	cmd.Env = append(os.Environ(), "PLANE_DIR="+l.dir, fmt.Sprintf("PLANE_TEMPORARY=%t", l.temporary))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return &guard{cmd: cmd, input: input}, nil
}

// dismiss lets the guard go without acting.
func (g *guard) dismiss() error {
	if _, err := io.WriteString(g.input, "done\n"); err != nil {
		return fmt.Errorf("dismissing the guard: %w", err)
	}
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("dismissing the guard: %w", err)
	}
	return nil
}
