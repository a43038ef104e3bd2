// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/localrun/stage"
	"github.com/cedros-io/open-spawn/internal/modelsim"
	"github.com/cedros-io/open-spawn/internal/status"
)

// patience bounds every wait: OpenClaw needs 15 s to start on a machine that does nothing else.
const patience = 4 * time.Minute

// life is that of one bot, whose steps are timed.
type life struct {
	*testing.T
	began time.Time
}

// step begins one.
func (l *life) step() { l.began = clock.RealClock{}.Now() }

// told says how long it took.
func (l *life) told(what string) {
	l.Helper()
	l.Logf("%-42s %6.1f s", what, clock.RealClock{}.Since(l.began).Seconds())
}

// eventually waits until a condition is nil, and says how long the step took.
func (l *life) eventually(what string, condition func(context.Context) error) {
	l.Helper()
	if err := stage.Eventually(l.Context(), patience, condition); err != nil {
		l.Fatalf("%s: %v\n%s", what, err, l.describe())
	}
	l.told(what)
}

// describe is what somebody would look at.
func (l *life) describe() string {
	ctx := context.WithoutCancel(l.Context())
	said, err := shared.Plane.Kubectl(ctx, "get", "bots,droplets", "-n", "desk", "-o", "yaml")
	return fmt.Sprint(string(said), err)
}

// kubectl runs the pinned kubectl, which must succeed.
func (l *life) kubectl(args ...string) {
	l.Helper()
	if _, err := shared.Plane.Kubectl(l.Context(), args...); err != nil {
		l.Fatal(err)
	}
}

// patch edits the Bot as kubectl does.
func (l *life) patch(edit string) {
	l.Helper()
	l.step()
	l.kubectl("patch", "-n", "desk", "bot/scout", "--type=merge", "--patch", edit)
}

// apply writes a manifest, with the address of the model.
func (l *life) apply(name string) {
	l.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		l.Fatal(err)
	}
	file := filepath.Join(l.TempDir(), name)
	if err := os.WriteFile(file, bytes.ReplaceAll(content, []byte("MODEL"), []byte(model.BaseURL())), 0o600); err != nil {
		l.Fatal(err)
	}
	l.step()
	l.kubectl("apply", "-f", file)
}

func (l *life) bot(ctx context.Context) (*spawnv1.Bot, error) {
	var bot spawnv1.Bot
	err := shared.API.Get(ctx, client.ObjectKey{Namespace: "desk", Name: "scout"}, &bot)
	return &bot, err
}

// ready waits until the Bot is Ready as its present spec says, with everything delivered that there is to be.
func (l *life) ready(what string) *spawnv1.Bot {
	l.Helper()
	var bot *spawnv1.Bot
	l.eventually(what, func(ctx context.Context) (err error) {
		if bot, err = l.bot(ctx); err != nil {
			return err
		}
		ready := status.Get(bot, spawnv1.ReadyCondition)
		if ready == nil || ready.Status != "True" || ready.ObservedGeneration != bot.Generation {
			return fmt.Errorf("Ready is %+v", ready)
		}
		return nil
	})
	return bot
}

// applied waits until the bot runs one version of its config after another.
func (l *life) applied(what string, after int64) {
	l.Helper()
	l.eventually(what, func(ctx context.Context) error {
		bot, err := l.bot(ctx)
		if err != nil {
			return err
		}
		if c := bot.Status.Config; c.AppliedVersion <= after || c.AppliedVersion != c.DesiredVersion {
			return fmt.Errorf("the config is %s: %s", c.Summary, c.Message)
		}
		return nil
	})
}

// judged waits until a condition of the Bot has a reason, and gives its message.
func (l *life) judged(what, about, reason string) (message string) {
	l.Helper()
	l.eventually(what, func(ctx context.Context) error {
		bot, err := l.bot(ctx)
		if err != nil {
			return err
		}
		c := status.Get(bot, about)
		if c == nil || c.Reason != reason || c.ObservedGeneration != bot.Generation {
			return fmt.Errorf("%s is %+v", about, c)
		}
		message = c.Message
		return nil
	})
	return message
}

// machine is the directory of the Bot's machine, in which the simulator keeps its memory and its disk.
func machine(bot *spawnv1.Bot) string {
	return filepath.Join(shared.Dir, "machines", strconv.FormatInt(bot.Status.InstanceID, 10))
}

// say says something to the bot, by OpenClaw's own door on its machine, and gives the answer.
func say(ctx context.Context, bot *spawnv1.Bot, text string) (string, error) {
	memory := filepath.Join(machine(bot), "memory")
	content, err := os.ReadFile(filepath.Join(memory, "agent.yaml"))
	if err != nil {
		return "", err
	}
	var config struct {
		Runtime struct {
			OpenClaw struct {
				Port int `json:"port"`
			} `json:"openclaw"`
		} `json:"runtime"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return "", err
	}
	door := localrun.Door{Port: config.Runtime.OpenClaw.Port, EnvFile: filepath.Join(memory, "runtime", "runtime.env")}
	return door.Say(ctx, text)
}

// answers says something, wants it answered through the model, and gives what the model was asked.
func (l *life) answers(bot *spawnv1.Bot, text string) modelsim.Asked {
	l.Helper()
	l.step()
	l.eventually("answered", func(ctx context.Context) error {
		got, err := say(ctx, bot, text)
		if err == nil && got != modelsim.Reply+text {
			err = fmt.Errorf("%q is answered %q", text, got)
		}
		return err
	})
	all := model.Asked()
	return all[len(all)-1]
}
