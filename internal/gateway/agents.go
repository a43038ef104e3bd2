// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// downloadWithin is how long a machine may take to get a build of the agent.
const downloadWithin = 5 * time.Minute

// agent is one build of the agent.
type agent struct {
	path string
	size int64
}

// findAgents reads the directory once: what is asked for later is a digest that was found here, and never a path.
func findAgents(dir string) (map[string]agent, error) {
	agents := map[string]agent{}
	if dir == "" {
		return agents, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for builds of the agent: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path) // a mounted file may be a link
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		digest, err := digestOf(path)
		if err != nil {
			return nil, fmt.Errorf("reading a build of the agent: %w", err)
		}
		agents[digest] = agent{path, info.Size()}
	}
	return agents, nil
}

func digestOf(path string) (string, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// agent gives a build of the agent. It is no secret, and whoever gets it checks its digest.
func (g *Gateway) agent(x *exchange) error {
	if err := take(g.limits.agents, x.network(), "too many builds are asked for from this network"); err != nil {
		return err
	}
	found, known := g.agents[strings.TrimPrefix(x.r.URL.Path, protocol.AgentPath)]
	if !known {
		return refuse(protocol.CodeNotFound, "no such build")
	}
	file, err := os.Open(found.path)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = file.Close() }()
	until, control := g.o.Clock.Now().Add(downloadWithin), http.NewResponseController(x.w)
	_, _ = control.SetReadDeadline(until), control.SetWriteDeadline(until) // what has no deadline needs none
	x.w.Header().Set("Content-Type", "application/octet-stream")
	x.w.Header().Set("Content-Length", strconv.FormatInt(found.size, 10))
	x.head(http.StatusOK)
	_, _ = io.CopyN(x.w, file, found.size) // what is cut has another digest
	return nil
}
