// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import "errors"

const workspaceFile = "workspace.json"

// Workspace are the files in the workspace that are ours, or may be.
func (d *Dir) Workspace() ([]string, error) {
	var names []string
	err := d.get(workspaceFile, &names)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	return names, err
}

// SaveWorkspace keeps that.
func (d *Dir) SaveWorkspace(names []string) error { return d.put(workspaceFile, names) }
