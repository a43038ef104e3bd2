// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	// downloadWithin is how long a gateway gives.
	downloadWithin = 5 * time.Minute
	// downloadMode is for the one who downloads.
	downloadMode = 0o600
)

var errOtherDigest = errors.New("what it gives has another digest")

// Download fetches what has a SHA-256, in hexadecimal, from the first gateway that has it, and writes it to a path: at
// most limit bytes. Nothing is left there that has another digest.
func (c *Client) Download(ctx context.Context, digest, path string, limit int64) error {
	var failures []error
	for _, e := range c.ladder() {
		err := download(ctx, e, digest, path, limit)
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", e.base.Host, err))
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("downloading %s: %w", digest, errors.Join(failures...))
}

func download(ctx context.Context, e *endpoint, digest, path string, limit int64) (err error) {
	ctx, cancel := context.WithTimeout(ctx, downloadWithin)
	defer cancel()
	target := *e.base
	target.Path = protocol.AgentPath + digest
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	response, err := e.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	file, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, downloadMode)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			_ = os.Remove(path)
		}
	}()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(response.Body, limit)); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != digest {
		return errOtherDigest
	}
	return file.Sync()
}
