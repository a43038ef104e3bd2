// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"

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

// Where is where a machine has its disk.
type Where struct{ Disk string }

// Runtime is what an agent runs as the bot, as in its configuration, but for the directory of its files.
type Runtime func(at Where) (map[string]any, error)

// StandIn takes every config, and does nothing at all.
func StandIn(Where) (map[string]any, error) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return nil, fmt.Errorf("finding a stand-in for the runtime: %w", err)
	}
	return map[string]any{
		"command": sleep, "args": []string{"2147483647"}, "healthyAfterSeconds": 1, "restartSeconds": 1, "stopSeconds": 1,
	}, nil
}

// OpenClaw is the real one, in a directory as hack/openclaw/install leaves it. More is what else it finds in its
// environment, and telegram the URL of what it takes for that. It listens on a port that is free when its machine
// boots.
func OpenClaw(directory, telegram string, more map[string]string) Runtime {
	return func(at Where) (map[string]any, error) {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		in := func(name string) string { return filepath.Join(at.Disk, "var", "lib", "openclaw", name) }
		for _, name := range []string{"state", "home", "workspace", "versions"} {
			if err := os.MkdirAll(in(name), directoryMode); err != nil {
				return nil, fmt.Errorf("making room for OpenClaw: %w", err)
			}
		}
		return map[string]any{
			"openclaw": map[string]any{
				"node": filepath.Join(directory, "node", "bin", "node"), "versions": directory, "installs": in("versions"),
				"state": in("state"), "home": in("home"), "port": port, "telegramAPI": telegram,
			},
			"workspace": in("workspace"), "environment": more, "restartSeconds": restAfterEnd,
		}, nil
	}
}

// restAfterEnd is how long a real OpenClaw rests when it has ended by itself, in seconds: nobody waits longer for a
// test.
const restAfterEnd = 5

func freePort() (int, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.Port, listener.Close()
}
