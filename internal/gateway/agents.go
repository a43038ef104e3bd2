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

const (
	// downloadWithin is how long a machine may take to get a build of the agent, and slowest how many bytes a second it
	// must take of what is larger, such as an archive of OpenClaw: 200 MB in 13 min, which is less than what the machine
	// gives up after.
	downloadWithin = 5 * time.Minute
	slowest        = 256 << 10
	// large is above any build of the agent.
	large = 64 << 20
)

// agent is one build of the agent, or an archive of OpenClaw.
type agent struct {
	path string
	size int64
}

// findAgents reads the directory, and those in it, once: what is asked for later is a digest that was found here, and
// never a path.
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
		if err := addAgents(agents, path); err != nil {
			return nil, err
		}
	}
	return agents, nil
}

// addAgents adds a file, or those of a directory such as a mounted volume.
func addAgents(agents map[string]agent, path string) error {
	files := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*")); err != nil {
			return fmt.Errorf("looking for archives: %w", err)
		}
	}
	for _, file := range files {
		info, err := os.Stat(file) // a mounted file may be a link
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		digest, err := digestOf(file)
		if err != nil {
			return fmt.Errorf("reading a build of the agent: %w", err)
		}
		agents[digest] = agent{file, info.Size()}
	}
	return nil
}

// within is how long a machine may take to get it.
func (a agent) within() time.Duration {
	return max(downloadWithin, time.Duration(a.size/slowest)*time.Second)
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

// agent gives a build of the agent, or an archive. It is no secret, and whoever gets it checks its digest. Archives
// take long, and have a pool of their own: a machine that has no agent yet is not kept waiting for them.
func (g *Gateway) agent(x *exchange) error {
	if err := take(g.limits.agents, x.network(), "too many builds are asked for from this network"); err != nil {
		return err
	}
	found, known := g.agents[strings.TrimPrefix(x.r.URL.Path, protocol.AgentPath)]
	if !known {
		return refuse(protocol.CodeNotFound, "no such build")
	}
	if found.size >= large {
		if err := enter(g.limits.archives); err != nil {
			return err
		}
		defer g.limits.archives.Leave()
	}
	file, err := os.Open(found.path)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = file.Close() }()
	until, control := g.o.Clock.Now().Add(found.within()), http.NewResponseController(x.w)
	_, _ = control.SetReadDeadline(until), control.SetWriteDeadline(until) // what has no deadline needs none
	x.w.Header().Set("Content-Type", "application/octet-stream")
	x.w.Header().Set("Content-Length", strconv.FormatInt(found.size, 10))
	x.head(http.StatusOK)
	_, _ = io.CopyN(x.w, file, found.size) // what is cut has another digest
	return nil
}
