// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/boot"
	"github.com/cedros-io/open-spawn/internal/token"
)

const ubuntu = "ubuntu-24-04-x64"

func TestAnAgentLivesAndDiesWithItsInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	boots := []string{w.untilRuns(g, id)}
	for _, actions := range [][]string{{"reboot"}, {"power_cycle"}, {"shutdown", "power_on"}, {"power_off", "power_on"}} {
		for _, action := range actions {
			w.act(id, action)
			if action == "shutdown" || action == "power_off" {
				w.untilNothingRuns(id)
			}
		}
		boots = append(boots, w.untilRuns(g, id, boots...))
		if agent := w.agent(id); agent.Boots != len(boots) || agent.BootID != boots[len(boots)-1] || agent.Name != "some" {
			t.Errorf("after %v: %+v, want boot %d, which is %s", actions, agent, len(boots), boots[len(boots)-1])
		}
	}
	g.Look(func(m *agenttest.Memory) {
		if len(m.Registrations) != 1 {
			t.Errorf("it has registered %d times: what is on its disk is lost", len(m.Registrations))
		}
	})
	disk := filepath.Join(w.dir, "machines", strconv.FormatInt(id, 10))
	if _, err := os.Stat(disk); err != nil {
		t.Error(err)
	}
	w.call(http.MethodDelete, fmt.Sprintf("/v2/droplets/%d", id), nil, nil)
	w.untilNothingRuns(id)
	w.until("its disk is wiped", func() bool { _, err := os.Stat(disk); return os.IsNotExist(err) })
}

func TestASnapshotIsACopyOfTheDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	first := w.create(g, ubuntu, w.userData(g))
	w.untilRuns(g, first)
	w.act(first, "shutdown")
	w.act(first, "snapshot", "name", "kept")
	var list struct{ Snapshots []struct{ ID string } }
	w.call(http.MethodGet, "/v2/snapshots", nil, &list)
	w.call(http.MethodDelete, fmt.Sprintf("/v2/droplets/%d", first), nil, nil)

	// A bot that wakes up is another machine, with user data of its own.
	h := w.gateway(hawk)
	second := w.create(h, list.Snapshots[0].ID, w.userData(h))
	w.untilRuns(h, second)
	if _, err := os.Stat(filepath.Join(w.dir, "machines", fmt.Sprint(second), "disk/var/lib/spawn-agent")); err != nil {
		t.Error(err)
	}
	w.act(second, "power_off")
	w.untilNothingRuns(second)

	// A disk that somebody has copied says who it was, and on what instance it is: it is not told to run.
	var known int
	g.Look(func(m *agenttest.Memory) { known = len(m.Beats) })
	third := w.create(h, list.Snapshots[0].ID, "")
	w.call(http.MethodDelete, "/v2/snapshots/"+list.Snapshots[0].ID, nil, nil)
	w.until("the copy calls", func() (called bool) {
		g.Look(func(m *agenttest.Memory) {
			called = len(m.Beats) > known && m.Beats[len(m.Beats)-1].InstanceID == third
		})
		return called
	})
	if running := w.runtimes(); len(running) > 0 {
		t.Errorf("the copy runs its bot: %v", running)
	}
	w.until("the image is gone", func() bool {
		left, err := filepath.Glob(filepath.Join(w.dir, "machines", "image-*"))
		return err == nil && len(left) == 0
	})
}

func TestARebuiltDiskIsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	bootID := w.untilRuns(g, id)
	g.Change(func(m *agenttest.Memory) { m.Credential = token.Hash{} }) // a registration was reopened
	w.act(id, "rebuild", "image", ubuntu)
	w.untilRuns(g, id, bootID)
	g.Look(func(m *agenttest.Memory) {
		if n := len(m.Registrations); n != 2 || m.Registrations[0].CredentialSHA256 == m.Registrations[1].CredentialSHA256 {
			t.Errorf("it has registered %d times, or with the credential of its old disk", n)
		}
	})
}

func TestAPersonInTheConsoleTurnsItOffAndOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	bootID := w.untilRuns(g, id)
	for _, state := range []string{"off", "active", "active"} {
		if err := w.sim.SetState(id, state); err != nil {
			t.Fatal(err)
		}
		if state == "off" {
			w.untilNothingRuns(id)
		}
	}
	w.untilRuns(g, id, bootID)
	if boots := w.agent(id).Boots; boots != 2 {
		t.Errorf("it has booted %d times, want 2", boots)
	}
}

func TestWhatIsNotOursBootsNothingAndIsSaidOnce(t *testing.T) {
	t.Parallel()
	const secret = "osr1.scout-k3v9x2m1qab7c.TupzvyRs589Ix_WWcxk7l7rJ8o175NF8TT1hZl7ICEs"
	for name, data := range map[string]string{
		"none":               "",
		"a script":           "#!/bin/sh\necho " + secret + "\n",
		"no YAML":            "#cloud-config\n{" + secret,
		"other files":        "#cloud-config\nwrite_files:\n- path: /etc/motd\n  content: " + secret + "\n",
		"files of no list":   "#cloud-config\nwrite_files: " + secret + "\n",
		"an agent of no map": "#cloud-config\nwrite_files:\n- path: /etc/open-spawn/agent.yaml\n  content: " + secret + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, clock.RealClock{})
			id := w.sim.Plant(dosim.Plant{Name: "planted", UserData: data})
			w.until("it is said", func() bool { return strings.Contains(w.said.String(), "nothing boots") })
			if name != "an agent of no map" {
				w.act(id, "power_cycle")
			}
			if status := w.try(http.MethodPost, fmt.Sprintf("/_sim/agents/%d/start", id), nil, nil); status != 404 {
				t.Errorf("starting what there is not: %d", status)
			}
			if said := w.said.String(); strings.Count(said, "\n") != 1 || strings.Contains(said, "osr1") {
				t.Errorf("it is said:\n%s", said)
			}
			if agents := w.sim.Agents(); len(agents) != 0 {
				t.Errorf("there are agents: %+v", agents)
			}
		})
	}
}

func TestTheTokenIsShownNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	w.untilRuns(g, id)
	for _, path := range []string{
		"/_sim/journal", "/_sim/instances", "/_sim/agents", "/_sim/settings", "/v2/droplets",
		fmt.Sprintf("/_sim/droplets/%d/user_data", id),
	} {
		var answer map[string]any
		w.call(http.MethodGet, path, nil, &answer)
		if text := fmt.Sprint(answer); strings.Contains(text, "osr1.") || strings.Contains(text, "osc1.") {
			t.Errorf("%s: %s", path, text)
		}
	}
	if said := w.said.String(); strings.Contains(said, "osr1.") || strings.Contains(said, "osc1.") {
		t.Errorf("it was said:\n%s", said)
	}
}

func TestAnAgentIsMadeSilentAndHeardAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	bootID := w.untilRuns(g, id)
	path := fmt.Sprintf("/_sim/agents/%d/", id)
	w.call(http.MethodPost, path+"stop", nil, nil)
	if agent := w.agent(id); agent.PID != 0 || agent.BootID != bootID {
		t.Errorf("after it was stopped: %+v", agent)
	}
	w.untilNothingRuns(id)
	var before int
	g.Change(func(m *agenttest.Memory) { before, m.Beats = len(m.Beats), nil })
	w.call(http.MethodPost, path+"start", nil, nil)
	w.call(http.MethodPost, path+"start", nil, nil) // which changes nothing
	if again := w.untilRuns(g, id); again != bootID || before == 0 {
		t.Errorf("boot %s after %d beats, want %s still", again, before, bootID)
	}
	w.act(id, "power_off")
	for _, path := range []string{path + "start", path + "stop", "/_sim/agents/1/stop", "/_sim/agents/x/start"} {
		if status := w.try(http.MethodPost, path, nil, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d, want that there is none", path, status)
		}
	}
}

func TestAnAgentThatEndsIsStartedAgain(t *testing.T) {
	t.Parallel()
	now := clocktesting.NewFakeClock(time.Unix(2e9, 0))
	w := newWorld(t, now)
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	w.untilRuns(g, id)
	first := w.agent(id).PID
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.untilNothingRuns(id)
	w.until("it rests", now.HasWaiters)
	now.Step(5 * time.Second)
	w.until("another runs", func() bool {
		pid := w.agent(id).PID
		return pid != 0 && pid != first && len(w.runtimes()) == 1
	})
}

func TestNothingIsLeftWhenTheSimulatorEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clock.RealClock{})
	g := w.gateway(scout)
	id := w.create(g, ubuntu, w.userData(g))
	w.untilRuns(g, id)
	pid := w.agent(id).PID
	w.act(id, "snapshot", "name", "kept")
	if err := w.machines.Close(); err != nil {
		t.Fatal(err)
	}
	w.untilNothingRuns(id)
	if lives(pid) {
		t.Error("the agent is left")
	}
	w.sim.Plant(dosim.Plant{Name: "late", UserData: w.userData(g)})
	if agents := w.sim.Agents(); len(agents) != 0 {
		t.Errorf("there are agents: %+v", agents)
	}
	left, err := os.ReadDir(filepath.Join(w.dir, "machines"))
	if err != nil || len(left) != 1 || left[0].Name() != "runtimes" {
		t.Errorf("left: %v (%v)", left, err)
	}
}

func TestAnAgentThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, agent := range []string{filepath.Join(dir, "missing"), filepath.Join(dir, "text"), dir} {
		_, err := boot.New(boot.Options{Agent: agent, Dir: dir, Clock: clock.RealClock{}, Log: slog.Default()})
		if err == nil || !strings.Contains(err.Error(), agent) {
			t.Errorf("%s: %v", agent, err)
		}
	}
}
