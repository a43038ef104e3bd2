// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// manyConnections has the API server take a connection for each request that is under way, and so reach every server.
// By HTTP/2 it would send all of them down one connection, to one server.
func manyConnections(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }

// readsOf is how often each server has read something, which it does for every request.
var readsOf []*atomic.Int64

// counted counts the reads of one server more.
func counted(live client.Reader) client.Reader {
	reads := &atomic.Int64{}
	readsOf = append(readsOf, reads)
	return countedReader{live, reads}
}

type countedReader struct {
	client.Reader

	reads *atomic.Int64
}

func (c countedReader) Get(
	ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption,
) error {
	c.reads.Add(1)
	return c.Reader.Get(ctx, key, object, options...)
}

// Without this all other tests would say the same of one server alone.
func TestEveryServerIsAsked(t *testing.T) {
	givenAccount(t, "everyone", 1)
	before := make([]int64, replicas)
	for i, reads := range readsOf {
		before[i] = reads.Load()
	}
	var bots []*spawnv1.Bot
	for i := range attempts {
		bots = append(bots, newBot("everyone", fmt.Sprintf("everyone-%d", i)))
	}
	for range 3 {
		all(t.Context(), bots, client.DryRunAll)
	}
	for i, reads := range readsOf {
		if reads.Load() == before[i] {
			t.Errorf("server %d was not asked", i)
		}
	}
	if len(readsOf) != replicas {
		t.Errorf("there are %d servers, want %d", len(readsOf), replicas)
	}
}
