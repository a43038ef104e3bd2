// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"crypto/rand"
	"errors"
)

const tokenFile = "runtime-token.json"

// RuntimeToken is the token by which the agent proves itself to the runtime. It is made once, so that a runtime that
// goes on while the agent is started anew still knows it.
func (d *Dir) RuntimeToken() (string, error) {
	var token string
	err := d.get(tokenFile, &token)
	if err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, errAbsent) {
		return "", err
	}
	token = rand.Text() + rand.Text()
	return token, d.put(tokenFile, token)
}
