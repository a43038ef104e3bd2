// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/facts"
)

const (
	metadataTimeout = 5 * time.Second
	// longestID is more digits than an instance id has.
	longestID = 32
)

// findInstance is the cloud's id of the machine that we are on. It is asked for in each life and never kept: a disk
// that was copied must not say that it is where it comes from.
func (a *agent) findInstance(ctx context.Context) (int64, error) {
	if a.config.InstanceID != 0 {
		return a.config.InstanceID, nil
	}
	backoff := client.Backoff{Random: a.Random}
	for {
		id, err := askInstance(ctx, a.config.InstanceIDURL)
		if err == nil {
			return id, nil
		}
		pause := backoff.Next(err)
		a.Log.Warn("the machine's id is not known yet", "error", err, "againIn", pause)
		if !a.wait(ctx, pause, nil) {
			return 0, ctx.Err()
		}
	}
}

// bootID is the id of this boot.
func bootID(config Config) (string, error) {
	if config.BootID != "" {
		return config.BootID, nil
	}
	return facts.BootID(facts.Proc)
}

func askInstance(ctx context.Context, url string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("asking for the machine's id: %w", err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, fmt.Errorf("asking for the machine's id: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, longestID))
	if err != nil {
		return 0, fmt.Errorf("asking for the machine's id: %w", err)
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil || id <= 0 || response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("asking for the machine's id: the answer is %s and no id", response.Status)
	}
	return id, nil
}
