// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Where the numbers of each kind of thing begin: ids of different kinds never look alike in a log.
const (
	firstDropletID = 500000001
	firstActionID  = 2400000001
	firstImageID   = 180000001
	firstKeyID     = 41000001
)

// identities gives out ids. Numbers only ever grow and are never reused; uuids follow from the seed and the count.
type identities struct {
	seed     uint64
	droplets int64
	actions  int64
	images   int64
	keys     int64
	uuids    uint64
}

func (i *identities) droplet() int64 { i.droplets++; return firstDropletID + i.droplets - 1 }
func (i *identities) action() int64  { i.actions++; return firstActionID + i.actions - 1 }
func (i *identities) image() int64   { i.images++; return firstImageID + i.images - 1 }
func (i *identities) key() int64     { i.keys++; return firstKeyID + i.keys - 1 }

// uuid gives the next one, in the form of a random uuid (RFC 4122 version 4).
func (i *identities) uuid() string {
	i.uuids++
	var input [16]byte
	binary.BigEndian.PutUint64(input[:8], i.seed)
	binary.BigEndian.PutUint64(input[8:], i.uuids)
	sum := sha256.Sum256(input[:])
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
