// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// SimulatorToken is the token that the simulator accepts. It opens nothing else.
const SimulatorToken = "simulated-token"

// serving is how the simulator says where it is.
var serving = regexp.MustCompile(`(?m)^dosim: serving (http://\S+)$`)

// Simulator is a running simulator of DigitalOcean.
type Simulator struct {
	*Process
	// URL is its address.
	URL string
}

// StartSimulator starts the simulator on a free port, with more flags if any, and returns once it serves.
func StartSimulator(ctx context.Context, binary, log string, flags ...string) (*Simulator, error) {
	process, err := start(ctx, command{
		path: binary, log: log, env: []string{"DOSIM_TOKEN=" + SimulatorToken},
		args: append([]string{"--listen=127.0.0.1:0"}, flags...),
	})
	if err != nil {
		return nil, err
	}
	s := &Simulator{Process: process}
	err = wait.PollUntilContextTimeout(ctx, readyInterval, readyTimeout, true,
		func(context.Context) (bool, error) {
			content, err := os.ReadFile(process.Log)
			if err != nil {
				return false, err
			}
			if found := serving.FindSubmatch(content); found != nil {
				s.URL = string(found[1])
				return true, nil
			}
			return false, process.alive()
		})
	if err != nil {
		_ = s.Stop() // The first error is the one to read.
		return nil, fmt.Errorf("starting the simulator: %w; its log ends with:\n%s", err, Tail(log, startTail))
	}
	return s, nil
}

// Journal is every request that the simulator was sent, in order of arrival.
func (s *Simulator) Journal(ctx context.Context) ([]dosim.Entry, error) {
	var body struct {
		Entries []dosim.Entry `json:"entries"`
	}
	return body.Entries, s.ask(ctx, "/_sim/journal", &body)
}

// Instances is every instance that ever existed, of whatever name.
func (s *Simulator) Instances(ctx context.Context) ([]dosim.Instance, error) {
	var body struct {
		Instances []dosim.Instance `json:"instances"`
	}
	return body.Instances, s.ask(ctx, "/_sim/instances", &body)
}

// Agents are the agents of the instances that are on. It has none unless it was started with --boot.
func (s *Simulator) Agents(ctx context.Context) ([]dosim.Agent, error) {
	var body struct {
		Agents []dosim.Agent `json:"agents"`
	}
	return body.Agents, s.ask(ctx, "/_sim/agents", &body)
}

func (s *Simulator) ask(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return fmt.Errorf("asking the simulator for %s: %w", path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the simulator for %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the simulator for %s: %s", path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("asking the simulator for %s: %w", path, err)
	}
	return nil
}
