// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

const (
	// pulseInterval is how often the API server is asked whether it lives, and pulseMisses how often in a row it may
	// fail to answer: a laptop that wakes up is given time.
	pulseInterval = 5 * time.Second
	pulseMisses   = 3
)

// show prints the objects as kubectl prints them.
func (d *demo) show(ctx context.Context) error {
	for _, what := range []string{"accounts", "bots -A", "droplets -A"} {
		d.print("", "$ kubectl get "+what)
		cmd := d.plane.KubectlCommand(ctx, append([]string{"get"}, strings.Fields(what)...)...)
		cmd.Stdout, cmd.Stderr = d.out, d.out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("showing the %s: %w", strings.Fields(what)[0], err)
		}
	}
	d.print("")
	return d.showCosts(ctx)
}

// showCosts says what the machines of each Account cost, which kubectl shows in no column.
func (d *demo) showCosts(ctx context.Context) error {
	var accounts spawnv1.AccountList
	if err := d.api.List(ctx, &accounts); err != nil {
		return fmt.Errorf("listing accounts: %w", err)
	}
	for i := range accounts.Items {
		if cost := accounts.Items[i].Status.HourlyCostMicroUSD; cost != nil {
			d.say("the machines of account %s cost $%.4f an hour", accounts.Items[i].Name, float64(*cost)/1e6)
		}
	}
	d.print("")
	return nil
}

// tour says what can be done with a demo that is up.
func (d *demo) tour(ctx context.Context) {
	kubectl := d.plane.KubectlCommand(ctx).Path
	d.print("Talk to it from another terminal:",
		"",
		"  export KUBECONFIG="+d.plane.KubeconfigPath(),
		"  export PATH="+filepath.Dir(kubectl)+":$PATH",
		"",
		"  kubectl -n team-acme describe bot scout",
		"      its conditions, and the events that led there",
		"  kubectl -n team-acme delete bot scout && kubectl get droplets -A",
		"      returns when the machine is gone, not before",
		"  kubectl apply --server-side -k config/samples",
		"      puts the bot back, on another machine",
		"  kubectl -n team-acme patch bot hawk --type=merge -p '{\"spec\":{\"accountRef\":{\"name\":\"globex\"}}}'",
		"      is refused, and says what to do instead")
	if d.simulator != nil {
		d.tourOfTalk(ctx)
		d.print("  curl -s '"+d.simulator.URL+"/_sim/instances?live=true'",
			"      what exists at the simulated DigitalOcean",
			"  curl -s "+d.simulator.URL+"/_sim/journal",
			"      every request that it was sent")
	}
	d.print("  curl -s "+d.manager.MetricsURL+" | grep openspawn_",
		"      the manager's metrics",
		"",
		"Logs are in "+filepath.Join(d.dir, "logs")+".")
	switch {
	case !d.settings.real:
		d.print("Ctrl-C stops everything.")
	case d.settings.keep:
		d.print("Ctrl-C stops everything here. The droplets stay, and cost money (KEEP=1).")
	default:
		d.print("Ctrl-C deletes the bots, waits until their droplets are gone, and stops everything.")
	}
}

// tourOfTalk says how to see that bots are heard, and that they hear.
func (d *demo) tourOfTalk(ctx context.Context) {
	d.print("  kubectl -n team-acme get bot hawk --watch",
		"      shows what the next three do, in a third terminal",
		"  kubectl -n team-acme patch bot hawk --type=merge -p '{\"spec\":{\"risk\":{\"maxTradesPerDay\":10}}}'",
		"      Config goes from 1/1 to 2/2: there is a second version, and hawk runs it")
	var hawk spawnv1.Bot
	if err := d.api.Get(ctx, client.ObjectKey{Namespace: "team-acme", Name: "hawk"}, &hawk); err != nil {
		return // somebody was quick to delete it
	}
	agent := fmt.Sprintf("%s/_sim/agents/%d", d.simulator.URL, hawk.Status.InstanceID)
	d.print("  curl -X POST "+agent+"/stop",
		fmt.Sprintf("      ends its agent; hawk is marked within a minute (graceSeconds is %d): Fresh is False, and Ready",
			hawk.Spec.Heartbeat.GraceSeconds),
		"  curl -X POST "+agent+"/start",
		"      starts it again; hawk is Ready with its first heartbeat")
}

// stayUp returns at Ctrl-C, or with an error when something of ours has died.
func (d *demo) stayUp(ctx context.Context) error {
	var simulator *localrun.Process
	if d.simulator != nil {
		simulator = d.simulator.Process
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	flat := make(chan struct{})
	go d.watchAPIServer(ctx, flat)
	select {
	case <-ctx.Done():
		return nil
	case <-d.manager.Ended():
		return errors.New(epitaph(d.manager.Process))
	case <-d.gateway.Ended():
		return errors.New(epitaph(d.gateway.Process))
	case <-simulator.Ended():
		return errors.New(epitaph(simulator))
	case <-flat:
		log := d.log("kube-apiserver")
		return fmt.Errorf("kube-apiserver does not answer any more; %s ends with:\n%s", log, localrun.Tail(log, dumpTail))
	}
}

// watchAPIServer closes flat when the API server has stopped answering. Its process is envtest's, which does not tell.
func (d *demo) watchAPIServer(ctx context.Context, flat chan<- struct{}) {
	config := d.plane.Config()
	web, err := rest.HTTPClientFor(config)
	if err != nil {
		return // it worked when our client was made
	}
	web.Timeout = pulseInterval
	ticker := time.NewTicker(pulseInterval)
	defer ticker.Stop()
	for misses := 0; misses < pulseMisses; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if misses++; answers(ctx, web, config.Host) {
			misses = 0
		}
	}
	close(flat)
}

// answers tells whether a server answers, whatever it says.
func answers(ctx context.Context, web *http.Client, host string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(host, "/")+"/livez", nil)
	if err != nil {
		return false
	}
	response, err := web.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}
