// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"

	"sigs.k8s.io/yaml"
)

// errConfig does not say what is wrong, for that could quote a token.
var errConfig = errors.New("the agent's configuration in the user data is no YAML object")

// whereabouts are what the agent of one machine among many on one kernel cannot find out.
type whereabouts struct {
	instance             int64
	boot, state, runtime string
}

// place is the agent's configuration with its whereabouts, and with another runtime.
func place(config []byte, here whereabouts, runtime map[string]any) ([]byte, error) {
	var placed map[string]any
	if err := yaml.Unmarshal(config, &placed); err != nil || placed == nil {
		return nil, errConfig
	}
	runtime = maps.Clone(runtime)
	runtime["directory"] = here.runtime
	placed["instanceID"], placed["bootID"] = here.instance, here.boot
	placed["stateDirectory"], placed["runtime"] = here.state, runtime
	return yaml.Marshal(placed)
}

// StandIn is a runtime in the place of OpenClaw that takes every config, and does nothing at all.
func StandIn() (map[string]any, error) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return nil, fmt.Errorf("finding a stand-in for the runtime: %w", err)
	}
	return map[string]any{
		"command": sleep, "args": []string{"2147483647"}, "healthyAfterSeconds": 1, "restartSeconds": 1, "stopSeconds": 1,
	}, nil
}
