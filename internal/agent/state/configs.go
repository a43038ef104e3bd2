// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

const progressFile = "progress.json"

var configName = regexp.MustCompile(`^config-(\d+)\.json$`)

// Progress is how far the configs are.
type Progress struct {
	// Good is the version that was last shown to work, and Before the good one before it; 0 when there is none.
	Good   int64 `json:"good"`
	Before int64 `json:"before,omitempty"`
	// Result is what became of the last version that was tried; nil before the first.
	Result *protocol.ConfigResult `json:"result,omitempty"`
}

// Progress is what was saved last, and nothing when nothing was.
func (d *Dir) Progress() (Progress, error) {
	var p Progress
	err := d.get(progressFile, &p)
	if errors.Is(err, errAbsent) {
		return Progress{}, nil
	}
	return p, err
}

// SaveProgress keeps how far we are, and no other configs than the good ones: old ones would fill
// a small disk.
func (d *Dir) SaveProgress(p Progress) error {
	if err := d.put(progressFile, p); err != nil {
		return err
	}
	return d.keepConfigs(p.Good, p.Before)
}

// SaveConfig keeps a config, its secrets sealed as they came.
func (d *Dir) SaveConfig(c *protocol.Config) error {
	kept := *c
	kept.Run = false // it was the word of that moment
	return d.put(nameOf(c.Version), kept)
}

// LastGood is the newest config that was shown to work and can still be read; nil when there is none.
func (d *Dir) LastGood() (*protocol.Config, error) {
	progress, err := d.Progress()
	if err != nil {
		return nil, err
	}
	for _, version := range []int64{progress.Good, progress.Before} {
		var c protocol.Config
		err := d.get(nameOf(version), &c)
		if err == nil {
			return &c, nil
		}
		if !errors.Is(err, errAbsent) {
			return nil, err
		}
	}
	return nil, nil
}

// DropConfig removes a config that did not work.
func (d *Dir) DropConfig(version int64) error { return d.drop(nameOf(version)) }

func nameOf(version int64) string { return fmt.Sprintf("config-%d.json", version) }

func (d *Dir) keepConfigs(versions ...int64) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("looking for old configs: %w", err)
	}
	for _, entry := range entries {
		match := configName.FindStringSubmatch(entry.Name())
		if match == nil {
			continue
		}
		version, err := strconv.ParseInt(match[1], 10, 64)
		if err == nil && slices.Contains(versions, version) {
			continue
		}
		if err := d.drop(entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

// forget removes what belongs to one identity: the configs are sealed to its key, and their numbers are its machine's.
func (d *Dir) forget() error {
	if err := d.keepConfigs(); err != nil {
		return err
	}
	return errors.Join(d.drop(progressFile), d.drop(routesFile))
}
