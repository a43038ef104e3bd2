// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/cedros-io/open-spawn/internal/agent/render"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

var errSecrets = errors.New("the secrets of the config are no object of strings")

// passingError is one that says nothing of the config: the disk may be full.
type passingError struct{ error }

// Unwrap is what happened.
func (e *passingError) Unwrap() error { return e.error }

// envFile is where the supervisor finds what the renderer has written.
func envFile(r Runtime) string { return filepath.Join(r.Directory, render.EnvFile) }

// place has the runtime run with a config: its files are made, validated while the old ones are still there, and put in
// place. It returns the number under which the supervisor says how that goes.
func (p *applier) place(ctx context.Context, c *protocol.Config) (int64, error) {
	staged, files, err := p.stage(ctx, c)
	if err != nil {
		return 0, err
	}
	defer staged.Drop()
	if p.lastGood != c {
		if err := p.dir.SaveConfig(c); err != nil {
			return 0, &passingError{err}
		}
	}
	starting := p.placed == 0
	p.placed = 0 // until all of it is there
	restart, err := p.swap(ctx, staged, files)
	if err != nil {
		return 0, err
	}
	p.placed, p.remark = c.Version, files.Remark
	p.on.obey(c.Content)
	how := p.config.Runtime.reload()
	if status, _ := p.sup.Status(); restart || starting && !status.Adopted {
		how = supervisor.Restart
	}
	number := p.sup.Renew(how)
	p.start = p.on.start()
	return number, nil
}

// swap puts files in place; restart tells whether one that is only read at a start is another now.
func (p *applier) swap(ctx context.Context, staged *render.Staged, files render.Files) (restart bool, err error) {
	if files.Version != "" {
		if err := p.cross(ctx, files.Version); err != nil {
			return false, err
		}
	}
	if err = p.keep(files.Workspace); err == nil {
		restart, err = staged.Swap()
	}
	if err != nil {
		return false, &passingError{err}
	}
	return restart, nil
}

// stage makes the files and validates them. Those of the workspace are only made.
func (p *applier) stage(ctx context.Context, c *protocol.Config) (*render.Staged, render.Files, error) {
	secrets, err := p.open(c)
	if err != nil {
		return nil, render.Files{}, err
	}
	files, err := p.runtime.Render(c.Content, secrets)
	if err != nil {
		return nil, render.Files{}, fmt.Errorf("rendering: %w", err)
	}
	if files.Version != "" {
		if err := p.obtain(ctx, files.Version); err != nil {
			return nil, render.Files{}, err
		}
	}
	staged, err := render.Stage(p.config.Runtime.Directory, files.Runtime)
	if err != nil {
		return nil, render.Files{}, &passingError{err}
	}
	if err := p.runtime.Validate(ctx, staged.Directory()); err != nil {
		staged.Drop()
		return nil, render.Files{}, fmt.Errorf("validating: %w", err)
	}
	return staged, files, nil
}

// keep puts the files of the workspace in place. What they are is on the disk before the first is written, so that one
// that is not to be any more is removed whenever we are killed.
func (p *applier) keep(workspace map[string][]byte) error {
	if p.config.Runtime.Workspace == "" {
		return nil
	}
	before, err := p.dir.Workspace()
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(workspace))
	if err := p.dir.SaveWorkspace(union(before, names)); err != nil {
		return err
	}
	if err := render.Keep(p.config.Runtime.Workspace, workspace, before); err != nil {
		return err
	}
	return p.dir.SaveWorkspace(names)
}

// union are the names in either list, in order.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// open opens the secrets. There are none until a machine has registered, and a config may name none.
func (p *applier) open(c *protocol.Config) (map[string]string, error) {
	if len(c.Sealed) == 0 {
		return nil, nil
	}
	id, _ := p.keys.get()
	plain, err := id.SealKey.Open(protocol.SealContext(id.Machine, c.Version, c.Content), c.Sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the secrets: %w", err)
	}
	var secrets map[string]string
	if json.Unmarshal(plain, &secrets) != nil {
		return nil, errSecrets // what json says of it could quote a secret
	}
	return secrets, nil
}
