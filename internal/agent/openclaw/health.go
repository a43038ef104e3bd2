// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	reads "github.com/cedros-io/open-spawn/internal/openclaw"
)

var errOtherConfig = errors.New("it does not run with the newest openclaw.json yet")

// Health implements render.Runtime. OpenClaw works when it has started, is the version that it is to be, says that it
// is ready, and, after a change, that what is on the disk is what it runs.
func (r *Runtime) Health() supervisor.Health {
	return func(ctx context.Context, isNew bool) error {
		if err := r.hasStarted(ctx); err != nil {
			return err
		}
		if err := r.isReady(ctx); err != nil || !isNew {
			return err
		}
		return r.runsWhatIsThere(ctx)
	}
}

func (r *Runtime) hasStarted(ctx context.Context) error {
	wanted, err := version(r.Directory)
	if err != nil {
		return err
	}
	var says struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}
	status, err := r.asks.get(ctx, "/startupz", &says)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("OpenClaw is %s", says.Status)
	case says.Version != wanted:
		return fmt.Errorf("OpenClaw %s answers, and %s is to run", says.Version, wanted)
	}
	return nil
}

func (r *Runtime) isReady(ctx context.Context) error {
	var says struct {
		Ready   bool     `json:"ready"`
		Failing []string `json:"failing"`
	}
	if _, err := r.asks.get(ctx, "/readyz", &says); err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(says.Failing), isChannel)
	if !says.Ready && (len(says.Failing) == 0 || len(rest) > 0) {
		return fmt.Errorf("OpenClaw is not ready; what fails: %s", strings.Join(says.Failing, ", "))
	}
	return nil
}

// isChannel tells whether what fails is a messaging service. OpenClaw works without it, and how it is Channels says: a
// config is not refused, and a bot not stopped, because Telegram is down.
func isChannel(failing string) bool {
	return slices.ContainsFunc(reads.ChannelTypes(), func(kind string) bool { return reads.Section(kind) == failing })
}

// runsWhatIsThere compares two digests that OpenClaw makes, of the file and of what it runs.
func (r *Runtime) runsWhatIsThere(ctx context.Context) error {
	var says struct {
		Payload struct {
			Valid    bool    `json:"valid"`
			Issues   []issue `json:"issues"`
			Revision string  `json:"configRevisionHash"`
			Applied  string  `json:"appliedConfigHash"`
		} `json:"payload"`
	}
	if err := r.asks.call(ctx, "config.get", &says); err != nil {
		return err
	}
	switch p := says.Payload; {
	case !p.Valid:
		return finding{Issues: p.Issues}.err()
	case p.Revision == "" || p.Revision != p.Applied:
		return errOtherConfig
	}
	return nil
}
