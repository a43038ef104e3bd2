// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import "errors"

const releaseFile = "runtime-version.json"

// Release is which version of the runtime has written what the runtime remembers.
type Release struct {
	// Ran is the last that was shown to work; empty before the first.
	Ran string `json:"ran,omitempty"`
	// Trying is another one that was started since, or is about to be. Until it is shown to work there is a copy of what
	// Ran remembered.
	Trying string `json:"trying,omitempty"`
	// GoingBack tells that this copy is being put back.
	GoingBack bool `json:"goingBack,omitempty"`
}

// Release is what was saved last.
func (d *Dir) Release() (Release, error) {
	var r Release
	err := d.get(releaseFile, &r)
	if errors.Is(err, errAbsent) {
		return Release{}, nil
	}
	return r, err
}

// SaveRelease keeps that.
func (d *Dir) SaveRelease(r Release) error { return d.put(releaseFile, r) }
