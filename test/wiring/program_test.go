// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

func TestASettingThatIsWrongIsOneLineThatNamesTheFlag(t *testing.T) {
	w := newWorld(t)
	token, kubeconfig := "--digitalocean-token-file="+w.tokenFile, "--kubeconfig="+shared.plane.KubeconfigPath()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for name, run := range map[string]struct {
		env, flags []string
		wantCode   int
		wantNamed  string
	}{
		"an unknown flag": {flags: []string{token, "--colour=red"}, wantCode: 2, wantNamed: "-colour"},
		"no token file":   {wantCode: 2, wantNamed: "--digitalocean-token-file"},
		"a URL that is none": {
			flags: []string{token, "--digitalocean-url=nonsense"}, wantCode: 2, wantNamed: "--digitalocean-url",
		},
		"a variable that is wrong": {
			env: []string{"OPENSPAWN_SETTLE_WINDOW=soon"}, flags: []string{token}, wantCode: 2, wantNamed: "--settle-window",
		},
		"no gateway": {flags: []string{token, "--gateway-url="}, wantCode: 2, wantNamed: "--gateway-url"},
		"a gateway without TLS": {
			flags: []string{token, "--gateway-url=http://gateway.example"}, wantCode: 2, wantNamed: "--gateway-url",
		},
		"a gateway's CA that is not there": {
			flags: []string{kubeconfig, token, "--gateway-ca-file=" + nowhere}, wantCode: 1, wantNamed: "--gateway-ca-file",
		},
		"builds of the agent that are not there": {
			flags: []string{kubeconfig, token, "--agent-dir=" + nowhere}, wantCode: 1, wantNamed: "--agent-dir",
		},
		"a stray argument": {flags: []string{token, "start"}, wantCode: 2, wantNamed: `"start"`},
		"a token file that is not there": {
			flags:    []string{kubeconfig, "--digitalocean-token-file=" + nowhere},
			wantCode: 1, wantNamed: "--digitalocean-token-file",
		},
		"a kubeconfig file that is not there": {
			flags: []string{token, "--kubeconfig=" + nowhere}, wantCode: 1, wantNamed: "--kubeconfig",
		},
		"an address for metrics that is none": {
			flags:    []string{kubeconfig, token, "--health-probe-bind-address=0", "--metrics-bind-address=nonsense"},
			wantCode: 1, wantNamed: "--metrics-bind-address",
		},
		"an address for probes that is none": {
			flags:    []string{kubeconfig, token, "--metrics-bind-address=0", "--health-probe-bind-address=nonsense"},
			wantCode: 1, wantNamed: "--health-probe-bind-address",
		},
		"an address for webhooks that is none": {
			flags: []string{
				kubeconfig, token, "--metrics-bind-address=0", "--health-probe-bind-address=0", "--webhook-bind-address=nonsense",
			},
			wantCode: 1, wantNamed: "--webhook-bind-address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := append([]string{"OPENSPAWN_GATEWAY_URL=https://gateway.invalid"}, run.env...)
			c := w.launch(t, env, run.flags...)
			code, said := c.ends(t), readLog(t, c.log)
			var complaints []string
			for line := range strings.Lines(said) {
				if strings.HasPrefix(line, "manager: ") {
					complaints = append(complaints, line)
				}
			}
			if code != run.wantCode || len(complaints) != 1 || !strings.Contains(complaints[0], run.wantNamed) {
				t.Errorf("exit code %d and\n%s\nwant %d and one line that names %s", code, said, run.wantCode, run.wantNamed)
			}
			if strings.Contains(said, "goroutine ") {
				t.Errorf("a stack trace is nothing for a user:\n%s", said)
			}
		})
	}
}

func TestTheProgramReadsItsEnvironmentAndTellsHowItIs(t *testing.T) {
	w := newWorld(t)
	kubeconfig, err := shared.plane.ServiceAccountKubeconfig(t.Context(), localrun.SystemNamespace, "manager")
	if err != nil {
		t.Fatal(err)
	}
	probe, metrics := freeAddress(t), freeAddress(t)
	c := w.launch(t, []string{
		"OPENSPAWN_KUBECONFIG=" + kubeconfig, "OPENSPAWN_DIGITALOCEAN_URL=" + w.road.URL,
		"OPENSPAWN_DIGITALOCEAN_TOKEN_FILE=" + w.tokenFile, "OPENSPAWN_FLEET_ID=by-environment",
		"OPENSPAWN_HEALTH_PROBE_BIND_ADDRESS=" + probe, "OPENSPAWN_METRICS_BIND_ADDRESS=" + metrics,
		"OPENSPAWN_WEBHOOK_BIND_ADDRESS=" + freeAddress(t), "OPENSPAWN_GATEWAY_URL=https://gateway.invalid",
	}, "--log-level=debug")
	c.probe, c.metrics = "http://"+probe, "http://"+metrics+"/metrics"
	c.becomesReady(t)
	if _, err := get(t.Context(), c.probe+"/healthz"); err != nil {
		t.Error(err)
	}
	eventually(t, "the metrics tell of the fleet and of the controllers", soonEnough, func(ctx context.Context) error {
		page, err := get(ctx, c.metrics)
		if err != nil {
			return err
		}
		w.holdsNoSecret(t, "a metric", page)
		for _, family := range []string{
			`openspawn_inventory_passes_total{result="complete"}`, "openspawn_inventory_age_seconds ",
			"openspawn_cloud_requests_total{", `controller_runtime_active_workers{controller="bot"}`,
		} {
			if !strings.Contains(page, family) {
				return fmt.Errorf("there is no %s", family)
			}
		}
		return nil
	})
	if said := readLog(t, c.log); !strings.Contains(said, `"fleet":"by-environment"`) {
		t.Errorf("the fleet id of the environment is not used:\n%s", said)
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.ends(t); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}

func TestHIGH004_ATokenThatIsRefusedIsSaidAndOneThatIsMendedIsTakenWithoutARestart(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	w.writeToken(t, "dop_v1_revoked")
	manager := w.startChild(t)
	c.apply(t, "locksmith")
	c.says(t, "locksmith", spawnv1.ReadyCondition, spawnv1.CredentialsInvalidReason)
	manager.becomesReady(t)
	w.writeToken(t, w.token)
	c.becomeReady(t, "locksmith")
	manager.becomesReady(t)
}
