// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"crypto/md5" //nolint:gosec // the fingerprint that the API shows is an MD5 sum; nothing relies on its strength
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// sshKey is a key of the account; it is replaced, never changed in place.
type sshKey struct {
	ID          int64  `json:"id"`
	Fingerprint string `json:"fingerprint"`
	PublicKey   string `json:"public_key"`
	Name        string `json:"name"`
}

func listKeys(c *call) reply {
	return page(c, "ssh_keys", slices.Values(c.account.keys), same[*sshKey])
}

func createKey(c *call) reply {
	var request struct {
		Name      string `json:"name"`
		PublicKey string `json:"public_key"`
	}
	if problem := c.decode(&request); problem != nil {
		return *problem
	}
	fingerprint, valid := fingerprintOf(request.PublicKey)
	if !valid || request.Name == "" {
		return unprocessable("Key invalid, key should be of the format `type key comment`")
	}
	if _, known := c.account.key(fingerprint); known {
		return unprocessable("SSH Key is already in use on your account")
	}
	key := &sshKey{ID: c.s.ids.key(), Fingerprint: fingerprint, PublicKey: request.PublicKey, Name: request.Name}
	c.account.keys = append(c.account.keys, key)
	return created(map[string]any{"ssh_key": key})
}

func getKey(c *call) reply {
	i, found := c.account.key(c.vars("id"))
	if !found {
		return notFound()
	}
	return ok(map[string]any{"ssh_key": c.account.keys[i]})
}

func renameKey(c *call) reply {
	i, found := c.account.key(c.vars("id"))
	if !found {
		return notFound()
	}
	key := *c.account.keys[i]
	if problem := c.decode(&struct {
		Name *string `json:"name"`
	}{&key.Name}); problem != nil {
		return *problem
	}
	c.account.keys[i] = &key
	return ok(map[string]any{"ssh_key": &key})
}

func deleteKey(c *call) reply {
	i, found := c.account.key(c.vars("id"))
	if !found {
		return notFound()
	}
	c.account.keys = slices.Delete(c.account.keys, i, i+1)
	return noContent()
}

// key finds a key by id or by fingerprint.
func (a *account) key(identifier string) (index int, found bool) {
	index = slices.IndexFunc(a.keys, func(k *sshKey) bool {
		return k.Fingerprint == identifier || strconv.FormatInt(k.ID, 10) == identifier
	})
	return index, index >= 0
}

// fingerprintOf is the MD5 sum of the key's blob, as pairs of digits.
func fingerprintOf(publicKey string) (fingerprint string, valid bool) {
	fields := strings.Fields(publicKey)
	if len(fields) < 2 {
		return "", false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(blob) == 0 {
		return "", false
	}
	sum := md5.Sum(blob) //nolint:gosec // see the import
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(pairs, ":"), true
}
