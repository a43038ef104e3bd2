// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import "github.com/cedros-io/open-spawn/internal/protocol"

// DiskLevel is how much of a machine's disk is free, no finer than somebody acts on: a Bot is not looked at for every
// byte.
type DiskLevel int

// The levels. Between low and full nothing is said that was not said before, so that a disk at the limit does not make
// a Bot say this and that in turns.
const (
	// DiskRoomy is also what nothing is known of.
	DiskRoomy DiskLevel = iota
	// DiskLow is below DiskClearPercent.
	DiskLow
	// DiskFull is below DiskFullPercent.
	DiskFull
)

const (
	// DiskFullPercent is what OpenClaw and the system need to go on: 1.25 GiB of the smallest disk, 25 GiB.
	DiskFullPercent = 5
	// DiskClearPercent is what must be free before a disk that was full counts as one with room again.
	DiskClearPercent = 8
)

// LevelOf is the level of a disk.
func LevelOf(disk protocol.Space) DiskLevel {
	switch percent, known := FreePercent(disk); {
	case !known || percent >= DiskClearPercent:
		return DiskRoomy
	case percent >= DiskFullPercent:
		return DiskLow
	}
	return DiskFull
}

// FreePercent is how much is free in whole percent, rounded down, if that is known.
func FreePercent(space protocol.Space) (percent int64, known bool) {
	if space.TotalBytes <= 0 || space.FreeBytes < 0 || space.FreeBytes > space.TotalBytes {
		return 0, false
	}
	const whole = 100
	return int64(float64(space.FreeBytes) / float64(space.TotalBytes) * whole), true
}
