// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

// A killed leader's lease runs out after 15 s, which is what these tests take.

func TestOnlyTheLeaderWorksAndAnotherFinishesWhatAKilledOneBegan(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	leader := w.startChild(t, "--leader-elect")
	was := leads(t, "")
	roadOfSecond := newGate(t, w.cloud)
	w.startChild(t, "--leader-elect", "--digitalocean-url="+roadOfSecond.URL)
	reply := w.road.holdReply(t, http.MethodPost, `"name":"handover-`)
	c.apply(t, "handover")
	reply.await(t, "the create request")
	if calls := roadOfSecond.requests.Load(); calls != 0 {
		t.Errorf("the manager that does not lead has made %d calls to DigitalOcean", calls)
	}
	leader.signal(t, syscall.SIGKILL)
	leader.ends(t)
	reply.release()
	leads(t, was)
	c.becomeReady(t, "handover")
	c.hadOneInstanceEver(t, "handover")
}

// The leader is stopped at the two worst moments: with the answer that it still leads on its way to it, before it asks
// for an instance; and with the reply on its way, before it writes it down. It wakes up when another has done both.
func TestALeaderThatSleepsThroughACreateMakesNoSecondInstance(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	cluster, armed := newClusterGate(t)
	sleeper := w.startChild(t, "--leader-elect", "--kubeconfig="+clusterKubeconfig(t, cluster))
	was := leads(t, "")
	road := newGate(t, w.cloud)
	w.startChild(t, "--leader-elect", "--digitalocean-url="+road.URL)

	created := w.road.holdReply(t, http.MethodPost, `"name":"written-`)
	c.apply(t, "written")
	created.await(t, "the create request")
	stillLeads := cluster.holdReply(t, http.MethodGet, "/leases/"+leaseName)
	armed.Store(true)
	c.apply(t, "asked")
	stillLeads.await(t, "the question who leads")
	if c.droplet(t, "asked").Status.Attempt == nil {
		t.Fatal("the leader asks before it has stored its intent")
	}
	sleeper.signal(t, syscall.SIGSTOP)
	stillLeads.release()
	created.release()

	leads(t, was)
	c.becomeReady(t, "written", "asked")
	sleeper.signal(t, syscall.SIGCONT)
	if code := sleeper.ends(t); code != 1 {
		t.Errorf("a leader that was deposed has exit code %d, want 1", code)
	}
	c.becomeReady(t, "written", "asked")
	c.hadOneInstanceEver(t, "written")
	c.hadOneInstanceEver(t, "asked")
	if posts := w.cloud.Requests(http.MethodPost, "/v2/droplets"); posts != 2 {
		t.Errorf("%d instances were asked for, want 2", posts)
	}
}

// leads waits until somebody leads who is not the one before, and returns the name in the lease.
func leads(t *testing.T, before string) string {
	t.Helper()
	var holder string
	eventually(t, "another leads than "+before, handoverTime, func(ctx context.Context) error {
		var lease coordinationv1.Lease
		key := client.ObjectKey{Namespace: localrun.SystemNamespace, Name: leaseName}
		if err := shared.api.Get(ctx, key, &lease); err != nil {
			return err
		}
		if holder = ptr.Deref(lease.Spec.HolderIdentity, ""); holder == "" || holder == before {
			return fmt.Errorf("the lease is held by %q", holder)
		}
		return nil
	})
	return holder
}

// newClusterGate is a gate before the API server by which one comes in as the manager's ServiceAccount. Its holds work
// only once armed, and then only after an intent was stored: a status of a Droplet was written.
func newClusterGate(t *testing.T) (*gate, *atomic.Bool) {
	t.Helper()
	config, err := shared.plane.ServiceAccountConfig(t.Context(), localrun.SystemNamespace, "manager")
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(server) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway) // a manager that ends lets go of its requests
		},
	}
	var armed, intended atomic.Bool
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy.ServeHTTP(w, r)
		if armed.Load() && r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/droplets/") {
			intended.Store(true)
		}
	}))
	g.open = func() bool { return !intended.Load() }
	return g, &armed
}

// clusterKubeconfig leads to the gate. It holds no credential: a client sends none without TLS.
func clusterKubeconfig(t *testing.T, g *gate) string {
	t.Helper()
	const name = "gate"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: g.URL}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name}},
		CurrentContext: name,
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
