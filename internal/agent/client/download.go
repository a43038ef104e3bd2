// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// downloadWithin is how long one gateway has for a file. It gives itself less, by the size of the file.
const downloadWithin = 15 * time.Minute

var errOtherDigest = errors.New("what came has another digest")

// Download fetches the file with a digest from the first gateway that has it, and puts it at a path, which is the new
// file or none. It has limit bytes at most.
func (c *Client) Download(ctx context.Context, sha256 string, limit int64, path string) error {
	part := path + ".part"
	defer func() { _ = os.Remove(part) }()
	failures := []error{fmt.Errorf("downloading %s", sha256)}
	for _, e := range c.ladder() {
		err := c.download(ctx, e, download{sha256, limit, part})
		if err == nil {
			return os.Rename(part, path)
		}
		failures = append(failures, fmt.Errorf("%s: %w", e.base.Host, err))
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// download is one file, and where it goes.
type download struct {
	sha256 string
	limit  int64
	path   string
}

func (c *Client) download(ctx context.Context, e *endpoint, d download) error {
	ctx, cancel := context.WithTimeout(ctx, downloadWithin)
	defer cancel()
	target := *e.base
	target.Path = protocol.AgentPath + d.sha256
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fmt.Errorf("writing a request: %w", err)
	}
	response, err := e.http.Do(request)
	if err != nil {
		return unreached(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		content, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // half of it says as little as none
		if err := c.understand(response, content, &json.RawMessage{}); err != nil {
			return err
		}
		return unreached(errors.New(response.Status))
	}
	return d.save(response.Body)
}

// save writes what comes, and holds it to the digest.
func (d download) save(from io.Reader) error {
	file, err := os.OpenFile(d.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("making room for a download: %w", err)
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(from, d.limit+1))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing a download: %w", err)
	}
	switch {
	case n > d.limit:
		return errTooLong
	case hex.EncodeToString(hash.Sum(nil)) != d.sha256:
		return errOtherDigest
	}
	return nil
}
