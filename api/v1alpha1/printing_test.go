// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// printed is what kubectl shows of one object: the columns and its row, without the age.
type printed struct{ columns, row []string }

func TestColumns(t *testing.T) {
	t.Parallel()
	account := stored(t, minimalAccount)
	writeStatus(t, account, both(
		set("status", "{limit: 2, bots: {admitted: 1, waiting: 0}, hourlyCostMicroUSD: 17860}"), conditionsOf("Ready"),
	))
	bot := stored(t, minimalBot)
	writeStatus(t, bot, both(set("status", `{incarnation: 3, dropletName: m, instanceID: 123, publicIPv4: 203.0.113.7,
		config: {desiredVersion: 5, appliedVersion: 4, summary: 5/4}}`), conditionsOf("Ready", "HeartbeatFresh")))
	droplet := stored(t, minimalDroplet)
	writeStatus(t, droplet, both(
		set("status", "{instanceID: 123, state: active, publicIPv4: 203.0.113.7}"), conditionsOf("Ready"),
	))

	for name, r := range map[string]struct {
		resource string
		object   *object
		flags    []string
		want     printed
	}{
		"accounts": {"accounts", account, nil, printed{
			[]string{"NAME", "TIER", "LIMIT", "USED", "READY", "AGE"},
			[]string{account.GetName(), "Basic", "2", "1", "True"},
		}},
		"bots": {"bots", bot, nil, printed{
			[]string{"NAME", "ACCOUNT", "DESIRED", "READY", "REASON", "CONFIG", "INSTANCE", "IP", "FRESH", "AGE"},
			[]string{bot.GetName(), "acme", "Running", "True", "Test", "5/4", "123", "203.0.113.7", "True"},
		}},
		"wide bots": {"bots", bot, []string{"-o", "wide"}, printed{
			[]string{
				"NAME", "ACCOUNT", "DESIRED", "READY", "REASON", "CONFIG", "INSTANCE", "IP", "FRESH", "AGE",
				"REGION", "SIZE", "MODE", "INCARNATION",
			},
			[]string{
				bot.GetName(), "acme", "Running", "True", "Test", "5/4", "123", "203.0.113.7", "True",
				"nyc3", "s-1vcpu-2gb", "Paper", "3",
			},
		}},
		"droplets": {"droplets", droplet, nil, printed{
			[]string{"NAME", "INSTANCE", "STATE", "POWER", "REGION", "SIZE", "IP", "READY", "AGE"},
			[]string{droplet.GetName(), "123", "active", "On", "nyc3", "s-1vcpu-2gb", "203.0.113.7", "True"},
		}},
		"accounts by short name": {
			"acct", account, nil, printed{row: []string{account.GetName(), "Basic", "2", "1", "True"}},
		},
		"bots by short name":     {"bot", bot, nil, printed{}},
		"droplets by short name": {"drop", droplet, nil, printed{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := get(t, append([]string{r.resource, r.object.GetName(), "-n", "default"}, r.flags...)...)
			if r.want.columns != nil && !slices.Equal(got.columns, r.want.columns) {
				t.Errorf("columns %v\nwant    %v", got.columns, r.want.columns)
			}
			if r.want.row != nil && !slices.Equal(got.row, r.want.row) {
				t.Errorf("row  %v\nwant %v", got.row, r.want.row)
			}
		})
	}
}

// get lets kubectl print one object.
func get(t *testing.T, args ...string) printed {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(kubectl(t, append([]string{"get"}, args...)...)), "\n")
	if len(lines) != 2 {
		t.Fatalf("kubectl get %v prints %d lines, want 2: %v", args, len(lines), lines)
	}
	p := printed{columns: strings.Fields(lines[0]), row: strings.Fields(lines[1])}
	if age := slices.Index(p.columns, "AGE"); age >= 0 && age < len(p.row) {
		p.row = slices.Delete(p.row, age, age+1)
	}
	return p
}

// kubectl returns what kubectl prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := plane.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

func TestNamesAndCategory(t *testing.T) {
	t.Parallel()
	listed := kubectl(t, "api-resources", "--api-group=spawn.cedros.io", "--categories=open-spawn", "--no-headers")
	var rows [][]string
	for line := range strings.Lines(listed) {
		rows = append(rows, strings.Fields(line))
	}
	want := [][]string{
		{"accounts", "acct", "spawn.cedros.io/v1alpha1", "false", "Account"},
		{"bots", "bot", "spawn.cedros.io/v1alpha1", "true", "Bot"},
		{"droplets", "drop", "spawn.cedros.io/v1alpha1", "true", "Droplet"},
	}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("kubectl api-resources\nprints %v\nwant   %v", rows, want)
	}
}

func TestGettingTheCategoryGetsEveryKind(t *testing.T) {
	t.Parallel()
	var want []string
	for kind, base := range bases {
		o := stored(t, base)
		want = append(want, fmt.Sprintf("%s.spawn.cedros.io/%s", strings.ToLower(kind), o.GetName()))
	}
	got := strings.Fields(kubectl(t, "get", "open-spawn", "-n", "default", "-o", "name"))
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("kubectl get open-spawn does not print %s: %v", name, got)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for path, words := range map[string][]string{
		"account": {"Account is who pays for bots", "cluster-scoped"},
		"bot.spec.risk": {
			"risk are the limits the bot and its tools are told", "does not stand between a bot and an exchange",
			"Required when trading.mode is Live", "maxDailyLossBps", "0 to 10000 basis points",
			"at most maxDrawdownBps",
		},
		"bot.spec.desiredState": {"ENUM: Running Paused Hibernated", "Defaults to Running"},
		"bot.spec.redeployAt":   {"replaces a machine created before this instant"},
		"bot.spec.openclaw":     {"config", "workspaceConfigMapRef", "2026.9.6"},
		"droplet.spec":          {"powerState", "It may be changed"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			explained := strings.Join(strings.Fields(explain(t, path)), " ")
			for _, want := range words {
				if !strings.Contains(explained, want) {
					t.Errorf("kubectl explain %s does not say %q: %s", path, want, explained)
				}
			}
		})
	}
}

// explain lets kubectl explain a field; the API server publishes schemas a moment after it serves the objects.
func explain(t *testing.T, path string) string {
	t.Helper()
	var explained []byte
	published := func(ctx context.Context) (bool, error) {
		var err error
		explained, err = plane.Kubectl(ctx, "explain", path)
		return err == nil, ctx.Err()
	}
	if err := wait.PollUntilContextTimeout(t.Context(), time.Second, time.Minute, true, published); err != nil {
		t.Fatalf("explaining %s: %v: %s", path, err, explained)
	}
	return string(explained)
}
