// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

const (
	// readyTimeout bounds the wait for every Bot to be Ready. The simulator takes seconds; DigitalOcean half a minute
	// for each machine, several at a time.
	readyTimeout = 3 * time.Minute
	// lookInterval is how often the Bots are looked at.
	lookInterval = 500 * time.Millisecond
	// dumpTail is how many lines of a log explain a failure.
	dumpTail = 30
)

// goal is what every Bot is to be: Ready. The machines of a real run cannot call a gateway on loopback, so there a
// machine is all that a Bot can have.
type goal struct {
	word    string
	reached func(*spawnv1.Bot) bool
}

func (s settings) goal() goal {
	if s.real {
		return goal{"with a machine", hasMachine}
	}
	return goal{"Ready", isReady}
}

// applySamples applies config/samples and waits until every Bot in it is as it is to be.
func (d *demo) applySamples(ctx context.Context) error {
	d.say("applying config/samples")
	output, err := d.plane.Kubectl(ctx, "apply", "--server-side", "-k", d.samples())
	if err != nil {
		return err
	}
	d.print(indent(string(output)))
	var bots []spawnv1.Bot
	started, last := time.Now(), ""
	err = wait.PollUntilContextTimeout(ctx, lookInterval, readyTimeout, true,
		func(ctx context.Context) (bool, error) {
			if err := d.alive(); err != nil {
				return false, err
			}
			if bots, err = d.bots(ctx); err != nil {
				return false, err
			}
			line, done := summary(bots, d.settings.goal())
			if line != last {
				d.say("%s (%d s)", line, int(time.Since(started).Seconds()))
				last = line
			}
			return done, nil
		})
	if err != nil && ctx.Err() == nil {
		d.dump(bots)
		if wait.Interrupted(err) {
			err = fmt.Errorf("it has taken longer than %s", readyTimeout)
		}
		return fmt.Errorf("waiting for every Bot to be %s: %w", d.settings.goal().word, err)
	}
	return err
}

func (d *demo) bots(ctx context.Context) ([]spawnv1.Bot, error) {
	var list spawnv1.BotList
	if err := d.api.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing bots: %w", err)
	}
	return list.Items, nil
}

// summary says how many Bots have reached the goal and what the others wait for, and whether all have.
func summary(bots []spawnv1.Bot, to goal) (line string, done bool) {
	there := 0
	waiting := map[string]int{}
	for i := range bots {
		if to.reached(&bots[i]) {
			there++
		} else {
			waiting[reason(&bots[i])]++
		}
	}
	line = fmt.Sprintf("%d of %d bots %s", there, len(bots), to.word)
	for _, why := range slices.Sorted(maps.Keys(waiting)) {
		line += fmt.Sprintf(", %d %s", waiting[why], why)
	}
	return line, there > 0 && there == len(bots)
}

// isReady tells whether the status says Ready, and says it of the present spec.
func isReady(bot *spawnv1.Bot) bool { return isTrue(bot, spawnv1.ReadyCondition) }

// hasMachine is that of the machine.
func hasMachine(bot *spawnv1.Bot) bool { return isTrue(bot, spawnv1.DropletReadyCondition) }

func isTrue(bot *spawnv1.Bot, condition string) bool {
	return bot.Status.ObservedGeneration == bot.Generation &&
		meta.IsStatusConditionTrue(bot.Status.Conditions, condition)
}

func reason(bot *spawnv1.Bot) string {
	if c := meta.FindStatusCondition(bot.Status.Conditions, spawnv1.ReadyCondition); c != nil {
		return c.Reason
	}
	return "not looked at yet"
}

// dump tells what there is to know about the Bots that are not as they are to be.
func (d *demo) dump(bots []spawnv1.Bot) {
	for i := range bots {
		bot := &bots[i]
		if d.settings.goal().reached(bot) {
			continue
		}
		d.print("", fmt.Sprintf("%s/%s is not %s:", bot.Namespace, bot.Name, d.settings.goal().word))
		slices.SortFunc(bot.Status.Conditions, func(a, b metav1.Condition) int { return cmp.Compare(a.Type, b.Type) })
		for _, c := range bot.Status.Conditions {
			d.print(fmt.Sprintf("  %-14s %-8s %s: %s", c.Type, c.Status, c.Reason, c.Message))
		}
	}
	for _, program := range []string{"manager", "gateway", "dosim"} {
		d.print("", fmt.Sprintf("The last lines of %s:", d.log(program)), localrun.Tail(d.log(program), dumpTail))
	}
	d.print("")
}

// alive is an error when a process of ours has ended, with the end of its log.
func (d *demo) alive() error {
	processes := []*localrun.Process{d.manager.Process, d.gateway.Process}
	if d.simulator != nil {
		processes = append(processes, d.simulator.Process)
	}
	for _, p := range processes {
		select {
		case <-p.Ended():
			return errors.New(epitaph(p))
		default:
		}
	}
	return nil
}

func epitaph(p *localrun.Process) string {
	return fmt.Sprintf("%s ended with %s; %s ends with:\n%s", p.Name, p.Ending(), p.Log, localrun.Tail(p.Log, dumpTail))
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
