// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// callers are the machines that call, each with a connection of its own, of which so many call at once.
	callers, callersAtOnce = 400, 16
	// beatsEach is how often each beats, below what one machine may in a minute.
	beatsEach = 50
	// pollsEach is how many requests of each are held.
	pollsEach = 3
	// settleTime lets a server come to rest before its memory is read.
	settleTime = 3 * time.Second
)

// gatewayReport is what a gateway costs, beside a bare server that reads and answers the same bytes.
type gatewayReport struct {
	Heartbeats int `json:"heartbeats"`
	Polls      int `json:"idle_polls"`
	// PerCore is how many heartbeats a second of one processor's time serves, in the server's process.
	GatewayPerCore float64 `json:"gateway_heartbeats_per_core_second"`
	BarePerCore    float64 `json:"bare_requests_per_core_second"`
	Ratio          float64 `json:"gateway_to_bare"`
	GatewayP99     float64 `json:"gateway_p99_seconds"`
	BareP99        float64 `json:"bare_p99_seconds"`
	// PollKiB is what a held request takes of the server's memory, with its connection.
	GatewayPollKiB float64 `json:"gateway_kib_per_idle_poll"`
	BarePollKiB    float64 `json:"bare_kib_per_idle_poll"`
}

// server is one of the two that are measured.
type server struct {
	url string
	pid int
}

// measured is what one server costs.
type measured struct{ perCore, p99, pollKiB float64 }

// measureGateway measures the gateway, and the bare server right after it.
func (s *stage) measureGateway(ctx context.Context) (gatewayReport, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gateway, err := localrun.StartGateway(ctx, localrun.GatewayOptions{
		Binary: s.program("gateway"), Log: s.log("gateway-load"), Cluster: s.plane, Dir: s.dir, Name: "load",
		// Each machine's first heartbeat writes its boot, and what is measured comes after that.
		Flags: []string{"--lease-writes-per-second=1000"},
	})
	if err != nil {
		return gatewayReport{}, err
	}
	defer func() { _ = gateway.Stop() }()
	all, err := s.makeCallers(ctx, gateway)
	if err != nil {
		return gatewayReport{}, err
	}
	ours, err := load(ctx, server{gateway.URL, gateway.PID()}, all)
	if err != nil {
		return gatewayReport{}, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return gatewayReport{}, err
	}
	b, err := startBare(ctx, address, gateway)
	if err != nil {
		return gatewayReport{}, err
	}
	defer func() { _ = b.stop() }()
	theirs, err := load(ctx, server{"https://" + address, b.cmd.Process.Pid}, all)
	return gatewayReport{
		Heartbeats: callers * beatsEach, Polls: callers * pollsEach, GatewayPerCore: round(ours.perCore),
		BarePerCore: round(theirs.perCore), Ratio: round(ours.perCore / theirs.perCore), GatewayP99: fine(ours.p99),
		BareP99: fine(theirs.p99), GatewayPollKiB: round(ours.pollKiB), BarePollKiB: round(theirs.pollKiB),
	}, err
}

// makeCallers writes the letters of machines that are on, and registers them.
func (s *stage) makeCallers(ctx context.Context, gateway *localrun.Gateway) ([]*agent, error) {
	say("registering %d machines at a gateway", callers)
	roots, err := rootsIn(gateway.CAFile)
	if err != nil {
		return nil, err
	}
	a := &agents{gateway: gateway.URL, roots: roots, key: []byte("bench")}
	all := make([]*agent, callers)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for n := range all {
		group.Go(func() error {
			name, instance := fmt.Sprintf("load-%04d", n), int64(n+1)
			letter := &corev1.Secret{ObjectMeta: delivery.ObjectMeta(localrun.DeliveryNamespace, name, "load", name)}
			err := delivery.Write(letter, &delivery.Machine{
				Namespace: "load", Bot: name, InstanceID: instance, Run: true, IntervalSeconds: 300, GraceSeconds: 900,
				Registration: &delivery.Registration{
					SHA256:   token.NewRegistration(a.key, name).Hash().String(),
					NotAfter: time.Now().Add(time.Hour),
				},
			}, &delivery.Content{Version: 1, Config: json.RawMessage(`{}`), Sealed: []byte("x"), Hash: "x"})
			if err != nil {
				return err
			}
			if err := s.api.Create(ctx, letter); err != nil {
				return fmt.Errorf("writing a letter: %w", err)
			}
			all[n] = a.newAgent(name, instance)
			return all[n].register(ctx)
		})
	}
	return all, group.Wait()
}

// load has every machine beat, and then hold requests, at one server.
func load(ctx context.Context, at server, all []*agent) (measured, error) {
	say("%d heartbeats to %s", len(all)*beatsEach, at.url)
	if _, err := beatAll(ctx, at, all, 1); err != nil { // connections, boots and caches are there from here on
		return measured{}, err
	}
	before := processorTimeOf(at.pid)
	seconds, err := beatAll(ctx, at, all, beatsEach)
	if err != nil {
		return measured{}, err
	}
	spent := processorTimeOf(at.pid) - before
	m := measured{perCore: float64(len(all)*beatsEach) / spent.Seconds(), p99: percentile(seconds, 99)}
	m.pollKiB = holdAll(ctx, at, all)
	return m, nil
}

// beatAll is how long each of the heartbeats took, in order.
func beatAll(ctx context.Context, at server, all []*agent, each int) ([]float64, error) {
	var mu sync.Mutex
	var seconds []float64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(callersAtOnce)
	for _, a := range all {
		group.Go(func() error {
			for range each {
				asked := time.Now()
				code, err := a.callAt(ctx, at.url, call{
					method: http.MethodPost, path: protocol.HeartbeatPath, shown: a.credential, body: protocol.Heartbeat{
						InstanceID: a.instance, BootID: "bench", AgentVersion: "bench",
					},
				})
				if err != nil || code != http.StatusOK {
					return fmt.Errorf("a heartbeat of %s: %d %w", a.machine, code, err)
				}
				mu.Lock()
				seconds = append(seconds, time.Since(asked).Seconds())
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	slices.Sort(seconds)
	return seconds, err
}

// holdAll is how much memory a held request takes, in KiB.
func holdAll(ctx context.Context, at server, all []*agent) float64 {
	say("holding %d requests at %s", len(all)*pollsEach, at.url)
	ctx, release := context.WithCancel(ctx)
	pause(ctx, settleTime)
	before := residentOf(at.pid)
	var held sync.WaitGroup
	for range pollsEach {
		for _, a := range all {
			held.Go(func() {
				_, _ = a.callAt(ctx, at.url, call{ // it is answered by nobody
					method: http.MethodGet, path: protocol.ConfigPath + "?wait=55s", shown: a.credential, known: `"1-run"`,
				})
			})
			pause(ctx, time.Millisecond)
		}
	}
	pause(ctx, settleTime)
	after := residentOf(at.pid)
	release()
	held.Wait()
	return (after - before) / float64(len(all)*pollsEach)
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
