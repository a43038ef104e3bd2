// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun/stage"
	"github.com/cedros-io/open-spawn/internal/openclaw"
)

// TestABotLivesFromApplyToDelete is one story, because each chapter needs what the one before has left.
func TestABotLivesFromApplyToDelete(t *testing.T) {
	l := &life{T: t}
	l.apply("tenant.yaml")
	bot := l.ready("apply to Ready")
	asked := l.answers(bot, "nonce-1")
	if asked.Key != "key-1" || asked.Model != "sim-1" || !strings.Contains(asked.Instructions, "PAPER") {
		t.Errorf("the model %s was asked with key %s and %s", asked.Model, asked.Key, asked.Instructions)
	}
	if bot.Status.OpenClawVersion != "2026.9.5" {
		t.Errorf("it runs OpenClaw %q", bot.Status.OpenClawVersion)
	}
	l.weigh(bot)
	for _, chapter := range []func(*life, *spawnv1.Bot){
		anotherPersona, anotherKey, badConfig, anotherVersion, telegram, killed, pausedAndResumed, deleted,
	} {
		bot, err := l.bot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		chapter(l, bot)
	}
}

func anotherPersona(l *life, bot *spawnv1.Bot) {
	l.patch(`{"spec":{"persona":"QuantLite"}}`)
	l.applied("edit of the persona to in effect", bot.Status.Config.AppliedVersion)
	if !strings.Contains(l.answers(bot, "nonce-2").Instructions, "thinks in numbers") {
		l.Error("the model was not told of the persona")
	}
}

func anotherKey(l *life, bot *spawnv1.Bot) {
	l.step()
	l.kubectl("patch", "-n", "desk", "secret/keys", "--patch", `{"stringData":{"model":"key-2"}}`)
	l.kubectl("annotate", "-n", "desk", "bot/scout", spawnv1.RefreshAnnotation+"=key-2")
	l.applied("rotation of the key to in effect", bot.Status.Config.AppliedVersion)
	if key := l.answers(bot, "nonce-3").Key; key != "key-2" {
		l.Errorf("the model is shown %q", key)
	}
}

func badConfig(l *life, bot *spawnv1.Bot) {
	l.patch(`{"spec":{"openclaw":{"config":{"messages":{"ackReaction":5}}}}}`)
	says := l.judged("bad config to refused", spawnv1.ConfigAppliedCondition, spawnv1.ConfigRejectedReason)
	if !strings.Contains(says, "messages.ackReaction") {
		l.Errorf("the condition says %q", says)
	}
	l.answers(bot, "nonce-4") // by what worked before
	l.patch(`{"spec":{"openclaw":{"config":null}}}`)
	l.ready("mended config to Ready")
}

func anotherVersion(l *life, bot *spawnv1.Bot) {
	l.patch(`{"spec":{"openclaw":{"version":"` + openclaw.Default + `"}}}`)
	l.applied("another version to in effect", bot.Status.Config.AppliedVersion)
	bot = l.ready("and Ready")
	if bot.Status.OpenClawVersion != openclaw.Default {
		l.Errorf("it runs OpenClaw %q", bot.Status.OpenClawVersion)
	}
	if !slices.Contains(l.answers(bot, "nonce-5").Before, "nonce-4") {
		l.Error("the newer version has forgotten what was said to the older one")
	}
}

// killed ends OpenClaw, the agent, and both, as the kernel does when there is no memory left.
func killed(l *life, bot *spawnv1.Bot) {
	for _, row := range []struct {
		what           string
		runtime, agent bool
	}{
		{"OpenClaw killed to recovered", true, false}, {"agent killed to recovered", false, true},
		{"both killed to recovered", true, true},
	} {
		agent, runtime := l.processes(bot)
		l.step()
		if row.agent {
			l.kill(agent)
		}
		if row.runtime {
			l.kill(runtime)
		}
		l.eventually(row.what, func(ctx context.Context) error {
			pid, err := shared.RuntimeOf(ctx, bot.Status.InstanceID)
			if err == nil && (pid == 0 || pid == runtime) {
				err = errors.New("OpenClaw does not run again")
			}
			if err == nil {
				_, err = say(ctx, bot, "are you there")
			}
			return err
		})
		if is, err := os.Stat("/proc/" + strconv.Itoa(runtime)); err == nil && !isZombie(runtime) {
			l.Errorf("the process before still runs: %v", is.Name())
		}
	}
	l.step()
	l.ready("and Ready")
}

func pausedAndResumed(l *life, bot *spawnv1.Bot) {
	_, runtime := l.processes(bot)
	l.patch(`{"spec":{"desiredState":"Paused"}}`)
	l.judged("pause to Paused", spawnv1.ReadyCondition, spawnv1.PausedReason)
	if _, err := os.Stat("/proc/" + strconv.Itoa(runtime)); err == nil && !isZombie(runtime) {
		l.Error("OpenClaw still runs")
	}
	l.patch(`{"spec":{"desiredState":"Running"}}`)
	bot = l.ready("resume to Ready")
	if !slices.Contains(l.answers(bot, "nonce-6").Before, "nonce-5") {
		l.Error("it has forgotten what was said before the pause")
	}
}

func deleted(l *life, bot *spawnv1.Bot) {
	agent, runtime := l.processes(bot)
	l.step()
	l.kubectl("delete", "-n", "desk", "--timeout=60s", "bot/scout")
	l.told("delete to gone")
	for what, pid := range map[string]int{"the agent": agent, "OpenClaw": runtime} {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil && !isZombie(pid) {
			l.Errorf("%s still runs", what)
		}
	}
	if _, err := os.Stat(machine(bot)); err == nil {
		l.Error("the disk of the machine is left")
	}
	var droplets spawnv1.DropletList
	var letters corev1.SecretList
	err := errors.Join(shared.API.List(l.Context(), &droplets), shared.API.List(l.Context(), &letters,
		client.HasLabels{spawnv1.GroupName + "/bot-namespace"}))
	if err != nil || len(droplets.Items)+len(letters.Items) != 0 {
		l.Errorf("left are %d droplets and %d letters (%v)", len(droplets.Items), len(letters.Items), err)
	}
}

// processes are the agent and OpenClaw on the Bot's machine.
func (l *life) processes(bot *spawnv1.Bot) (agent, runtime int) {
	l.Helper()
	is, err := shared.AgentOf(l.Context(), bot.Status.InstanceID)
	if err == nil {
		runtime, err = shared.RuntimeOf(l.Context(), bot.Status.InstanceID)
	}
	if err != nil || is.PID == 0 || runtime == 0 {
		l.Fatalf("the agent is %d, and OpenClaw %d (%v)", is.PID, runtime, err)
	}
	return is.PID, runtime
}

func (l *life) kill(pid int) {
	l.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		l.Fatal(err)
	}
}

// isZombie tells whether a process has ended and only nobody has asked how.
func isZombie(pid int) bool {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err != nil || strings.Contains(string(content), ") Z ")
}

// weigh says how much memory the agent has, and OpenClaw with all that it has started.
func (l *life) weigh(bot *spawnv1.Bot) {
	l.Helper()
	agent, runtime := l.processes(bot)
	l.Logf("%-42s %6.0f MiB", "memory of the agent", resident(agent))
	l.Logf("%-42s %6.0f MiB", "memory of OpenClaw after its first answer", tree(runtime))
}

func tree(pid int) float64 {
	sum := resident(pid)
	children, _ := stage.ChildrenOf(pid)
	for _, child := range children {
		sum += tree(child)
	}
	return sum
}

// resident is how much memory a process has, in MiB.
func resident(pid int) float64 {
	content, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	_, after, _ := strings.Cut(string(content), "VmRSS:")
	var kilobytes float64
	_, _ = fmt.Sscan(after, &kilobytes)
	return kilobytes / 1024
}
