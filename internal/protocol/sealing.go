// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// SealContext is in which the secrets of a config are sealed: they open for no other machine, no other version, and
// beside no other content. So whoever relays a config can withhold it, but cannot have the bot use its keys for
// something else, such as for talking to his own endpoint.
func SealContext(machine string, version int64, content json.RawMessage) string {
	return fmt.Sprintf("open-spawn config %s %d %x", machine, version, sha256.Sum256(canonical(content)))
}

// canonical is JSON as everybody on its way writes it who reads it and writes it again.
func canonical(content json.RawMessage) []byte {
	if text, err := json.Marshal(content); err == nil {
		return text
	}
	return content
}
