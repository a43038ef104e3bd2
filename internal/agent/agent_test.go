// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

func last(m *agenttest.Memory) protocol.Heartbeat {
	if len(m.Beats) == 0 {
		return protocol.Heartbeat{}
	}
	return m.Beats[len(m.Beats)-1]
}

func TestAMachineRegistersAndRuns(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	w.untilSays(1, started(1))
	w.Look(func(m *agenttest.Memory) {
		b := last(m)
		if len(m.Registrations) != 1 || m.Registrations[0].InstanceID != instance || b.InstanceID != instance {
			t.Errorf("registered %+v, beats %+v", m.Registrations, b)
		}
		if b.BootID == "" || b.AgentVersion != "dev" || b.Disk.TotalBytes == 0 || b.Memory.FreeBytes == 0 {
			t.Errorf("it says %+v", b)
		}
	})
	w.end()
	if w.err != nil || w.stops() != 1 {
		t.Errorf("it ends with %v, and the runtime was stopped %d times", w.err, w.stops())
	}
	w.config.RegistrationToken = "" // nobody needs it any more
	w.start()
	w.untilSays(2, started(1))
	w.Look(func(m *agenttest.Memory) {
		if len(m.Registrations) != 1 {
			t.Errorf("it registered %d times", len(m.Registrations))
		}
	})
}

func TestCRIT001_ALostReplyCostsNothing(t *testing.T) {
	w := newWorld(t)
	w.Change(func(m *agenttest.Memory) { m.Lose = 3 })
	w.start()
	w.untilTold("it has registered", 0, func(m *agenttest.Memory) bool { return len(m.Registrations) == 1 })
	w.until("it waits", 0, func() bool { return w.clock.HasWaiters() })
	w.end() // it never heard the answer
	w.start()
	w.untilApplied(1)
	w.Look(func(m *agenttest.Memory) {
		if len(m.Registrations) != 4 {
			t.Errorf("it registered %d times", len(m.Registrations))
		}
		for _, r := range m.Registrations {
			if r != m.Registrations[0] {
				t.Errorf("it registered as %+v, and before as %+v", r, m.Registrations[0])
			}
		}
	})
}

func TestARefusedRegistrationIsSaidAndTriedSlowly(t *testing.T) {
	for says, problem := range map[string]*protocol.Problem{
		"not for this machine": {Status: 401, Code: protocol.CodeUnauthorized},
		"somebody else has it": {Status: 409, Code: protocol.CodeTokenUsed},
		"has expired":          {Status: 410, Code: protocol.CodeTokenExpired},
	} {
		w := newWorld(t)
		w.Change(func(m *agenttest.Memory) { m.RefuseRegistration = problem })
		begin := w.clock.Now()
		w.start()
		w.untilTold("it is tried again", 5*time.Second, func(m *agenttest.Memory) bool { return len(m.Registrations) == 2 })
		if waited := w.clock.Since(begin); waited < 3*time.Minute+45*time.Second || !strings.Contains(w.log.String(), says) {
			t.Errorf("%s: after %s it is tried again; the log: %s", problem.Code, waited, w.log)
		}
		w.Change(func(m *agenttest.Memory) { m.RefuseRegistration = nil })
		w.untilApplied(1)
		w.end()
	}
}

func TestWithoutATokenThereIsNoRegistration(t *testing.T) {
	w := newWorld(t)
	w.config.RegistrationToken = ""
	w.start()
	w.until("it gives up", 0, func() bool { return strings.Contains(w.log.String(), "invented") })
	w.end()
	if w.err == nil || !strings.Contains(w.err.Error(), "no registration token") {
		t.Errorf("it ends with %v", w.err)
	}
}

func TestTheInstanceIsAskedForInEachLife(t *testing.T) {
	var up atomic.Bool
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Swap(true) {
			http.NotFound(w, nil)
			return
		}
		_, _ = w.Write([]byte("4711\n"))
	}))
	t.Cleanup(metadata.Close)
	w := newWorld(t)
	w.config.InstanceID, w.config.InstanceIDURL = 0, metadata.URL
	w.start()
	w.untilApplied(1)
}

func TestAnEditIsAppliedAndABadOneIsNot(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	w.edit(2, `{"n":2}`)
	w.untilApplied(2)
	w.untilSays(2, started(2))
	w.edit(3, `{"refuse":3}`)
	w.untilTold("config 3 has failed", time.Second, func(m *agenttest.Memory) bool {
		r := last(m).Result
		return r != nil && r.Version == 3 && !r.Applied && r.Message == "it ended with exit status 78: no"
	})
	w.untilSays(4, started(2))
	w.edit(4, `[]`)
	w.untilTold("config 4 has failed", time.Second, func(m *agenttest.Memory) bool {
		b := last(m)
		return b.Result.Version == 4 && !b.Result.Applied && strings.Contains(b.Result.Message, "no JSON object") &&
			b.AppliedConfig == 2 && b.OpenClaw.Running
	})
	w.untilSays(4, started(2)) // the files were never touched
	w.Change(func(m *agenttest.Memory) {
		m.Version, m.Content, m.Machine = 5, `{"n":5}`, "scout-other"
	})
	w.untilTold("what was sealed for another has failed", time.Second, func(m *agenttest.Memory) bool {
		r := last(m).Result
		return r.Version == 5 && !r.Applied && strings.Contains(r.Message, "not sealed for us")
	})
	w.end()
	w.start() // what has failed is not tried again
	w.untilSays(5, started(2))
	w.untilTold("it says so still", time.Second, func(m *agenttest.Memory) bool {
		b := last(m)
		return b.AppliedConfig == 2 && b.Result.Version == 5 && b.OpenClaw.Healthy
	})
	w.Look(wantGrowing(t))
}

// wantGrowing: a result is never of an earlier version than one before it.
func wantGrowing(t *testing.T) func(*agenttest.Memory) {
	t.Helper()
	return func(m *agenttest.Memory) {
		var newest int64
		for _, b := range m.Beats {
			if b.Result != nil && b.Result.Version < newest {
				t.Errorf("result of %d after that of %d", b.Result.Version, newest)
			} else if b.Result != nil {
				newest = b.Result.Version
			}
		}
	}
}

func TestABadFirstConfigRunsNothing(t *testing.T) {
	w := newWorld(t)
	w.edit(1, `{"refuse":1}`)
	w.start()
	w.untilTold("it has failed", time.Second, func(m *agenttest.Memory) bool {
		b := last(m)
		return b.Result != nil && !b.Result.Applied && !b.OpenClaw.Running && b.AppliedConfig == 0
	})
	w.edit(2, `{"n":2}`)
	w.untilApplied(2)
}

func TestANewerConfigOvertakesOneThatIsTried(t *testing.T) {
	w := newWorld(t)
	var works atomic.Bool
	works.Store(true)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !works.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(page.Close)
	w.config.Runtime.HealthURL = page.URL
	w.start()
	w.untilApplied(1)
	works.Store(false)
	w.edit(2, `{"n":2}`)
	w.untilSays(2, started(2))
	w.edit(3, `{"n":3}`)
	w.until("the newer one runs", 0, func() bool { return len(w.said()) == 3 })
	works.Store(true)
	w.untilApplied(3)
	works.Store(false)
	w.edit(4, `{"n":4}`)
	w.untilTold("it does not work in time", time.Second, func(m *agenttest.Memory) bool {
		r := last(m).Result
		return r.Version == 4 && !r.Applied && strings.HasPrefix(r.Message, "it does not work after 10m0s: it says 503")
	})
	w.until("the good one runs", time.Second, func() bool { s := w.said(); return s[len(s)-1] == started(3) })
	w.Look(func(m *agenttest.Memory) {
		for _, b := range m.Beats {
			if b.Result != nil && b.Result.Version == 2 {
				t.Errorf("what was overtaken is reported: %+v", b.Result)
			}
		}
	})
}

func TestAFullDiskIsReportedAndTriedAgain(t *testing.T) {
	w := newWorld(t)
	if err := os.WriteFile(w.config.Runtime.Directory, nil, 0o600); err != nil { // there is no room for a directory
		t.Fatal(err)
	}
	w.start()
	w.untilTold("it has failed", time.Second, func(m *agenttest.Memory) bool {
		r := last(m).Result
		return r != nil && !r.Applied && strings.Contains(r.Message, "making room for the runtime's files")
	})
	if err := os.Remove(w.config.Runtime.Directory); err != nil {
		t.Fatal(err)
	}
	w.untilApplied(1)
}

func TestItStopsWhenAGatewaySaysSo(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	w.Change(func(m *agenttest.Memory) { m.Run = false })
	w.until("it is stopped without any time passing", 0, func() bool { return w.stops() == 1 })
	w.untilTold("it says so", time.Second, func(m *agenttest.Memory) bool { return !last(m).OpenClaw.Running })
	w.Change(func(m *agenttest.Memory) { m.Run = true })
	w.untilApplied(1)
	w.untilSays(2, started(1))
}

func TestACopyOfAMachineRunsNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	w.end()
	w.config.InstanceID = instance + 1
	w.start()
	var beats int
	w.Look(func(m *agenttest.Memory) { beats = len(m.Beats) })
	w.untilTold("it beats", time.Second, func(m *agenttest.Memory) bool { return len(m.Beats) > beats+3 })
	if said := w.said(); len(said) != 1 {
		t.Errorf("the runtime says %q", said)
	}
}

func TestLostContact(t *testing.T) {
	for _, test := range []struct {
		content string
		stops   bool
		step    time.Duration
	}{
		{`{"n":2,"onLostContact":"Stop","graceSeconds":60}`, true, time.Second},
		{`{"n":2,"onLostContact":"Stop"}`, true, time.Second},
		{`{"n":2,"onLostContact":"KeepRunning"}`, false, 20 * time.Second},
		{`{"n":2}`, false, 20 * time.Second},
	} {
		w := newWorld(t)
		w.edit(2, test.content)
		w.start()
		w.untilApplied(2)
		lost := w.clock.Now()
		w.Change(func(m *agenttest.Memory) { m.Down, m.Calls = true, 0 })
		w.until("it stops, or an hour passes", test.step, func() bool {
			return w.stops() == 1 || w.clock.Since(lost) > time.Hour
		})
		silent := w.clock.Since(lost)
		stopped := w.stops() == 1
		if stopped != test.stops || stopped && (silent < 45*time.Second || silent > 3*time.Minute) {
			t.Errorf("%s: after %s it is stopped: %v", test.content, silent, stopped)
		}
		w.Change(func(m *agenttest.Memory) {
			if silent > time.Hour && (m.Calls < 10 || m.Calls > 60) {
				t.Errorf("in an hour it called %d times", m.Calls)
			}
			m.Down, m.Beats = false, nil
		})
		w.untilApplied(2)
		w.end()
	}
}

func TestAMachineThatNobodyKnowsStopsUntilItIsKnown(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	var hash token.Hash
	w.Change(func(m *agenttest.Memory) {
		hash, m.Credential = m.Credential, token.Hash{}
		m.RefuseRegistration = &protocol.Problem{Status: 401, Code: protocol.CodeUnauthorized}
	})
	w.until("it stops", time.Second, func() bool { return w.stops() == 1 })
	w.Change(func(m *agenttest.Memory) { m.RefuseRegistration, m.Beats = nil, nil }) // somebody has reopened it
	w.untilApplied(1)
	w.Look(func(m *agenttest.Memory) {
		if m.Credential != hash {
			t.Error("it has registered with another credential")
		}
	})
}

func TestACredentialIsReplacedEveryDay(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	var first token.Hash
	w.Look(func(m *agenttest.Memory) { first = m.Credential })
	w.clock.Step(23 * time.Hour)
	w.untilTold("nothing happens", 0, func(m *agenttest.Memory) bool { return m.Credential == first && m.Rotations == 0 })
	w.Change(func(m *agenttest.Memory) { m.Beats = nil })
	w.clock.Step(2 * time.Hour)
	w.untilTold("it is replaced", time.Second, func(m *agenttest.Memory) bool {
		return m.Credential != first && m.Next.IsZero() && m.Rotations == 1
	})
	w.end()
	w.start()
	w.untilApplied(1)
	w.Look(func(m *agenttest.Memory) {
		if len(m.Registrations) != 1 || m.Rotations != 1 {
			t.Errorf("registered %d times, replaced %d times", len(m.Registrations), m.Rotations)
		}
	})
}

func TestGatewaysMove(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	var second *agenttest.Gateway
	w.Look(func(m *agenttest.Memory) { second = w.gateway(m) })
	first := w.Gateway
	w.Change(func(m *agenttest.Memory) { m.Orders.Gateways, m.Orders.GatewayCA = []string{second.URL}, second.CA })
	w.untilRemembered(second.URL, second.CA)
	first.Close()
	w.Gateway = second
	w.Change(func(m *agenttest.Memory) { m.Down = false; m.Beats = nil })
	w.untilApplied(1)
	w.end()
	w.start()
	w.edit(2, `{"n":2}`)
	w.untilApplied(2)
	// What leads nowhere is told, and then a CA that proves nobody: the way that worked before both still does.
	w.Change(func(m *agenttest.Memory) { m.Orders.Gateways = []string{first.URL} })
	w.untilRemembered(first.URL, second.CA)
	w.edit(3, `{"n":3}`)
	w.untilApplied(3)
	w.Change(func(m *agenttest.Memory) { m.Orders.GatewayCA = first.CA })
	w.untilRemembered(first.URL, first.CA)
	w.edit(4, `{"n":4}`)
	w.untilApplied(4)
	w.end()
	w.start() // it has forgotten what worked, but not what is on the disk
	w.edit(5, `{"n":5}`)
	w.untilApplied(5)
}

// untilRemembered waits until it is on the disk that this is the gateway.
func (w *world) untilRemembered(url, ca string) {
	w.t.Helper()
	told, err := json.Marshal(state.Route{URLs: []string{url}, CA: ca})
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("the way is remembered", time.Second, func() bool {
		content, err := os.ReadFile(filepath.Join(w.config.StateDirectory, "routes.json"))
		return err == nil && strings.Contains(string(content), `{"newest":`+string(told))
	})
}

func TestAGatewayThatCannotTellStopsNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.untilApplied(1)
	since := w.clock.Now()
	w.Change(func(m *agenttest.Memory) {
		m.Refuse = &protocol.Problem{Status: 503, Code: protocol.CodeUnavailable}
	})
	w.until("an hour passes", 20*time.Second, func() bool { return w.clock.Since(since) > time.Hour })
	w.Change(func(m *agenttest.Memory) { m.Refuse, m.Beats = nil, nil })
	w.untilApplied(1)
	if said := w.said(); len(said) != 1 || w.stops() != 0 {
		t.Errorf("the runtime says %q, and was stopped %d times", said, w.stops())
	}
}

func TestAReloadIsASignalUnlessASecretHasChanged(t *testing.T) {
	w := newWorld(t)
	w.config.Runtime.Reload = supervisor.Signal
	w.config.Runtime.Args[1] = `trap 'echo told >> $log' HUP; ` + standIn
	w.start()
	w.untilApplied(1)
	w.edit(2, `{"n":2}`)
	w.untilApplied(2)
	w.untilSays(2, "told")
	w.Change(func(m *agenttest.Memory) {
		m.Version, m.Content, m.Secrets = 3, `{"n":3}`, map[string]string{"credential/KEY": canary + "-2"}
	})
	w.untilApplied(3)
	w.untilSays(3, started(3)+"-2")
}
