// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// kubectlGrace is how long kubectl may take to end by itself once its context is done.
const kubectlGrace = 5 * time.Second

// KubectlCommand prepares the pinned kubectl as administrator, for callers that set its input or output themselves. A
// later --kubeconfig among the arguments wins.
func (p *Plane) KubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	base := []string{"--kubeconfig=" + p.layout.kubeconfig(), "--cache-dir=" + p.layout.kubectlCache()}
	cmd := exec.CommandContext(ctx, filepath.Join(p.assets, "kubectl"), append(base, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = kubectlGrace
	return cmd
}

// Kubectl runs kubectl as administrator and returns what it prints. An error carries what it complains about.
func (p *Plane) Kubectl(ctx context.Context, args ...string) ([]byte, error) {
	cmd := p.KubectlCommand(ctx, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	output, err := cmd.Output()
	if err != nil {
		return output, fmt.Errorf("running kubectl %s: %w: %s", strings.Join(args, " "), err,
			bytes.TrimSpace(complaint.Bytes()))
	}
	return output, nil
}
