// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// defaultedAccount is the spec of minimalAccount as stored.
const defaultedAccount = `
externalID: cus_1
tier: Basic
desiredState: Active
liveTrading: Forbidden
machinePolicy: {maxHourlyMicroUSD: 100000}
maxUnavailable: 1
`

// defaultedBot is the spec of minimalBot as stored.
const defaultedBot = `
accountRef: {name: acme}
persona: Beginner
llm:
  provider: anthropic
  model: claude-sonnet-5
  apiKeySecretRef: {name: llm, key: api-key}
desiredState: Running
onLostContact: KeepRunning
deletionPolicy: Delete
trading: {mode: Paper}
machine:
  region: nyc3
  size: s-1vcpu-2gb
  image: ubuntu-24-04-x64
  backups: Disabled
  monitoring: Enabled
  ipv6: Disabled
heartbeat: {intervalSeconds: 30, graceSeconds: 150}
`

func TestDefaults(t *testing.T) {
	t.Parallel()
	_, dropletSpec, _ := strings.Cut(minimalDroplet, "spec:")
	for name, r := range map[string]struct {
		base   string
		change change
		want   string
	}{
		"an Account of required fields": {minimalAccount, nil, defaultedAccount},
		"a Bot of required fields":      {minimalBot, nil, defaultedBot},
		"a Bot with empty sections": {
			minimalBot, set("spec", strings.ReplaceAll(emptySections, "\n", " ")), defaultedBot,
		},
		"a Droplet of its own spec alone": {minimalDroplet, nil, dropletSpec},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := manifest(t, r.base)
			both(r.change)(o)
			if err := api.Create(t.Context(), o, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			spec, _, _ := unstructured.NestedMap(o.Object, "spec")
			if diff := cmp.Diff(manifest(t, r.want).Object, normal(t, spec)); diff != "" {
				t.Errorf("defaults differ (-want +got):\n%s", diff)
			}
		})
	}
}

// emptySections is the spec of minimalBot with every section there and empty, or null.
const emptySections = `{accountRef: {name: acme}, persona: Beginner,
llm: {provider: anthropic, model: claude-sonnet-5, apiKeySecretRef: {name: llm, key: api-key}},
trading: {mode: null}, machine: {}, heartbeat: {}, desiredState: null}`

// normal reads an object as manifest does, so that both have the same types of numbers.
func normal(t *testing.T, content map[string]any) map[string]any {
	t.Helper()
	text, err := (&object{Object: map[string]any{"kind": "Any", "content": content}}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	content, _ = manifest(t, string(text)).Object["content"].(map[string]any)
	return content
}

// fullBot sets every field of a Bot that goes with the others.
const fullBot = minimalBot + `
  displayName: Scout
  desiredState: Paused
  onLostContact: Stop
  redeployAt: "2026-08-20T12:00:00+02:00"
  deletionPolicy: Snapshot
  trading:
    mode: Live
    assetFocus: Custom
    customAssets: [SOL-USD, BTC-USD]
    algorithm: MeanReversion
    strictness: High
    signals: {volumeConfirmation: Enabled, volatilityBrake: Disabled, correlationBrake: Enabled, liquidityFilter: Low}
  risk: {maxPositionSizeBps: 1000, maxDailyLossBps: 250, maxDrawdownBps: 1500, maxTradesPerDay: 0}
  credentials:
  - {name: EXCHANGE_SECRET, secretRef: {name: exchange, key: secret}}
  - {name: EXCHANGE_KEY, secretRef: {name: exchange, key: key}}
  skills: [{name: "@acme/charts", version: 1.4.2}, {name: news, version: 0.1.0}]
  openclaw:
    version: 2026.9.6
    config: {tools: {web: {ratio: 0.5, list: [1, null, {a: b}]}}, logging: {level: info}}
    workspaceConfigMapRef: {name: scout-workspace}
  channels:
  - {type: Slack, tokenSecretRef: {name: s, key: bot}, appTokenSecretRef: {name: s, key: app}, allowFrom: [U2, U1]}
  - {type: Discord, tokenSecretRef: {name: d, key: bot}, allowFrom: ["7"]}
  machine:
    region: fra1
    sshKeys: ["512190"]
    vpcUUID: 5a4981aa-9653-4bd1-bef5-d6bff52042e4
    backups: Enabled
    tags: [desk-7, a]
    packages: [jq, curl]
  heartbeat: {intervalSeconds: 60, graceSeconds: 180}
`

func TestApplyingAManifestAgainChangesNothing(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct{ base, name string }{
		"a minimal Account": {minimalAccount, "applied"},
		"a minimal Bot":     {minimalBot, "applied"},
		"a full Bot":        {fullBot, "applied-full"},
		"a minimal Droplet": {minimalDroplet, "applied"},
	} {
		for way, flags := range map[string][]string{"server-side": {"--server-side"}, "client-side": nil} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				o := manifest(t, r.base)
				o.SetName(r.name + "-" + way)
				t.Cleanup(func() { _ = api.Delete(context.WithoutCancel(t.Context()), o) })

				apply(t, o, flags...)
				writeStatus(t, read(t, o), set("status.observedGeneration", "1"))
				before := read(t, o)
				apply(t, o, flags...)

				if diff := cmp.Diff(before.Object, read(t, o).Object); diff != "" {
					t.Errorf("applied again (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// Until the first write of its status, an object is stored without one: the API server drops what comes with a create,
// and adds the default whenever it reads. So the first write that changes nothing stores the default, and no other.
func TestApplyingBeforeTheFirstStatusOnlyStoresTheDefault(t *testing.T) {
	t.Parallel()
	for kind, base := range bases {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := manifest(t, base)
			o.SetName("unobserved")
			t.Cleanup(func() { _ = api.Delete(context.WithoutCancel(t.Context()), o) })

			var seen []*object
			for range 3 {
				apply(t, o, "--server-side")
				seen = append(seen, read(t, o))
			}

			if diff := cmp.Diff(seen[1].Object, seen[2].Object); diff != "" {
				t.Errorf("the third time (-before +after):\n%s", diff)
			}
			seen[0].SetResourceVersion(seen[1].GetResourceVersion())
			if diff := cmp.Diff(seen[0].Object, seen[1].Object); diff != "" {
				t.Errorf("the second time (-before +after):\n%s", diff)
			}
		})
	}
}

// read returns an object as it is stored.
func read(t *testing.T, o *object) *object {
	t.Helper()
	found := o.DeepCopy()
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), found); err != nil {
		t.Fatal(err)
	}
	return found
}

// apply lets kubectl apply an object.
func apply(t *testing.T, o *object, flags ...string) {
	t.Helper()
	if _, err := kubectlApply(t, o, flags...).Output(); err != nil {
		t.Fatalf("applying: %v: %s", err, complaint(err))
	}
}

// kubectlApply prepares kubectl to apply an object as a user does, from a file.
func kubectlApply(t *testing.T, o *object, flags ...string) *exec.Cmd {
	t.Helper()
	text, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	cmd := plane.KubectlCommand(t.Context(), append([]string{"apply", "-f", "-"}, flags...)...)
	cmd.Stdin = strings.NewReader(string(text))
	return cmd
}

func TestApplyRefusesUnknownFields(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct {
		base  string
		field string
	}{
		"a misspelled field of an Account": {minimalAccount, "spec.maxBot"},
		"a misspelled field of a Bot":      {minimalBot, "spec.risk.maxDrawdown"},
		"a key inline":                     {minimalBot, "spec.llm.apiKey"},
		"a private field of a Droplet":     {minimalDroplet, "spec.name"},
		"a field beside a default section": {minimalBot, "spec.machine.regions"},
		"a field beside the free JSON":     {minimalBot, "spec.openclaw.conf"},
	} {
		for way, flags := range map[string][]string{"server-side": {"--server-side"}, "client-side": nil} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				o := manifest(t, r.base)
				text(r.field, "x")(o)

				_, err := kubectlApply(t, o, append(flags, "--dry-run=server")...).Output()

				last := r.field[strings.LastIndex(r.field, ".")+1:]
				if told := complaint(err); !strings.Contains(told, last) ||
					!strings.Contains(told, "unknown field") && !strings.Contains(told, "not declared in schema") {
					t.Errorf("kubectl says %q (%v), want that %s is unknown", told, err, r.field)
				}
			})
		}
	}
}

// complaint is what a program wrote on its standard error before it failed.
func complaint(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(exit.Stderr)
	}
	return ""
}
