// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// logTail is how much of a log an error carries: enough for the last few lines, where a program says why it ended.
const logTail = 2048

// layout names the files of one plane.
type layout struct {
	dir       string
	temporary bool
}

// newLayout prepares the directory, without what an earlier plane left there.
func newLayout(dir string) (layout, error) {
	l := layout{dir: dir, temporary: dir == ""}
	var err error
	if l.temporary {
		l.dir, err = os.MkdirTemp("", "open-spawn-controlplane-")
	} else if l.dir, err = filepath.Abs(dir); err == nil {
		err = l.removeState()
	}
	if err != nil {
		return layout{}, fmt.Errorf("preparing the control plane's directory: %w", err)
	}
	for _, child := range []string{l.etcd(), l.apiServer(), l.controllerManager(), l.users(), l.logs()} {
		if err := os.MkdirAll(child, 0o700); err != nil {
			return layout{}, fmt.Errorf("preparing the control plane's directory: %w", err)
		}
	}
	return l, nil
}

func (l layout) etcd() string              { return filepath.Join(l.dir, "etcd") }
func (l layout) etcdData() string          { return filepath.Join(l.etcd(), "data") }
func (l layout) apiServer() string         { return filepath.Join(l.dir, "apiserver") }
func (l layout) controllerManager() string { return filepath.Join(l.dir, "controller-manager") }
func (l layout) users() string             { return filepath.Join(l.dir, "users") }
func (l layout) logs() string              { return filepath.Join(l.dir, "logs") }
func (l layout) kubectlCache() string      { return filepath.Join(l.dir, "kubectl-cache") }
func (l layout) kubeconfig() string        { return filepath.Join(l.dir, "kubeconfig") }
func (l layout) auditLog() string          { return filepath.Join(l.logs(), "audit.log") }
func (l layout) log(program string) string { return filepath.Join(l.logs(), program+".log") }

// remove removes everything temporary, and otherwise all but the logs.
func (l layout) remove() error {
	if l.temporary {
		return os.RemoveAll(l.dir)
	}
	return l.removeState()
}

// removeState removes what is useless or secret without the processes. It touches only names that are ours.
func (l layout) removeState() error {
	var errs []error
	for _, path := range []string{
		l.etcd(), l.apiServer(), l.controllerManager(), l.users(), l.kubectlCache(), l.kubeconfig(),
	} {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// explain adds the ends of the programs' logs to an error, since the logs may be gone when the error is read.
func (l layout) explain(err error, programs ...string) error {
	for _, program := range programs {
		content, readErr := os.ReadFile(filepath.Clean(l.log(program)))
		if readErr != nil || len(content) == 0 {
			continue
		}
		tail := content[max(0, len(content)-logTail):]
		err = fmt.Errorf("%w; the log of %s ends with:\n%s", err, program, bytes.TrimSpace(tail))
	}
	return err
}

// portTaken tells whether one of the programs ended because somebody else listens on its port.
func (l layout) portTaken(programs ...string) bool {
	return slices.ContainsFunc(programs, func(program string) bool {
		content, err := os.ReadFile(filepath.Clean(l.log(program)))
		return err == nil && bytes.Contains(content, []byte(syscall.EADDRINUSE.Error()))
	})
}
