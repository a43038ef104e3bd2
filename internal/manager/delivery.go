// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/freshness"
)

// newDelivery is how machines are told what to run, and heard, with the cache of the one namespace that it reads. That
// cache is apart from the manager's: tenants' Secrets cannot get into it.
func newDelivery(ctx context.Context, mgr ctrl.Manager, o Options) (*bot.Delivery, cache.Cache, error) {
	settings := o.Settings
	machines, err := newMachines(mgr, settings.DeliveryNamespace)
	if err != nil {
		return nil, nil, err
	}
	live, err := newLive(mgr)
	if err != nil {
		return nil, nil, err
	}
	key, err := fleet.EnsureKey(ctx, live, settings.LeaderElectionNamespace)
	if err != nil {
		return nil, nil, err
	}
	authority, err := openAuthority(settings.GatewayCAFile, o.Clock)
	if err != nil {
		return nil, nil, fmt.Errorf("--gateway-ca-file: %w", err)
	}
	agents, err := agentDigests(settings.AgentDir)
	if err != nil {
		return nil, nil, fmt.Errorf("--agent-dir: %w", err)
	}
	return &bot.Delivery{
		Client: machines.GetClient(), Live: live, Namespace: settings.DeliveryNamespace,
		SystemNamespace: settings.LeaderElectionNamespace, Key: key, Gateways: settings.GatewayURLs,
		GatewayCA: authority.PEM, AgentSHA256: agents, ChecksAddress: settings.RequireDropletAddress,
		OpenClawSHA256: settings.OpenClawArchives, OpenClawMirror: settings.OpenClawMirror,
		Fleet: freshness.NewFleet(o.Clock),
	}, machines.GetCache(), nil
}

// newMachines reads and writes the delivery namespace, through a cache of its own.
func newMachines(mgr ctrl.Manager, namespace string) (cluster.Cluster, error) {
	machines, err := cluster.New(mgr.GetConfig(), func(c *cluster.Options) {
		c.Scheme, c.HTTPClient, c.Logger = mgr.GetScheme(), mgr.GetHTTPClient(), mgr.GetLogger()
		c.Cache = cache.Options{
			DefaultNamespaces: map[string]cache.Config{namespace: {}},
			DefaultTransform:  cache.TransformStripManagedFields(),
		}
		// A config must not be given a number twice because the first was not seen yet.
		c.Client = client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}}
	})
	if err != nil {
		return nil, fmt.Errorf("building a client of the delivery namespace: %w", err)
	}
	if err := mgr.Add(machines); err != nil {
		return nil, fmt.Errorf("adding the cache of the delivery namespace: %w", err)
	}
	return machines, nil
}

// agentDigests are the digests of the agent's builds, by architecture; none when there is no directory.
func agentDigests(dir string) (map[string]string, error) {
	if dir == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	digests := map[string]string{}
	for _, architecture := range []string{"amd64", "arm64"} {
		content, err := os.ReadFile(filepath.Join(dir, "agent-linux-"+architecture)) //nolint:gosec // our own setting
		if err != nil {
			return nil, fmt.Errorf("reading a build of the agent: %w", err)
		}
		digest := sha256.Sum256(content)
		digests[architecture] = hex.EncodeToString(digest[:])
	}
	return digests, nil
}

// rereadAfter is how old what was read of a file may be. The kubelet takes about a minute to update a mounted Secret.
const rereadAfter = 5 * time.Second

// authority is a file of certificates. One that cannot be read, or holds none, changes nothing: machines that were told
// of no authority could not call any more.
type authority struct {
	path  string
	clock clock.PassiveClock

	mu     sync.Mutex
	pem    string
	readAt time.Time
}

// openAuthority reads the file once, so that a wrong path is noticed at the start of the program. Without a path there
// is no authority.
func openAuthority(path string, c clock.PassiveClock) (*authority, error) {
	a := &authority{path: path, clock: c}
	if path == "" {
		return a, nil
	}
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("reading the certificates: %w", err)
	}
	if !holdsCertificate(string(content)) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	a.pem, a.readAt = string(content), c.Now()
	return a, nil
}

// PEM are the certificates, a few seconds old at most.
func (a *authority) PEM() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.clock.Now(); a.path != "" && now.Sub(a.readAt) > rereadAfter {
		if content, err := os.ReadFile(a.path); err == nil && holdsCertificate(string(content)) {
			a.pem = string(content)
		}
		a.readAt = now
	}
	return a.pem
}

func holdsCertificate(text string) bool { return strings.Contains(text, "-----BEGIN CERTIFICATE-----") }
