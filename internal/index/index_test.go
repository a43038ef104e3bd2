// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package index_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
)

// indexer is a cache that remembers its indexes.
type indexer struct {
	indexes map[string]client.IndexerFunc
	refuses string
}

func (i *indexer) IndexField(_ context.Context, _ client.Object, field string, f client.IndexerFunc) error {
	if field == i.refuses {
		return errRefused
	}
	i.indexes[field] = f
	return nil
}

var errRefused = errors.New("indexer conflict")

func TestEveryObjectIsIndexedByWhatItRefersTo(t *testing.T) {
	bot := &spawnv1.Bot{Spec: spawnv1.BotSpec{AccountRef: spawnv1.AccountReference{Name: "acme"}}}
	droplet := &spawnv1.Droplet{Spec: spawnv1.DropletSpec{BotRef: spawnv1.BotReference{Name: "scout"}}}
	cache := &indexer{indexes: map[string]client.IndexerFunc{}}
	if err := index.Register(t.Context(), cache); err != nil {
		t.Fatal(err)
	}
	for field, test := range map[string]struct {
		obj, other client.Object
		want       string
	}{
		index.BotAccount: {bot, droplet, "acme"},
		index.DropletBot: {droplet, bot, "scout"},
	} {
		f := cache.indexes[field]
		if f == nil {
			t.Fatalf("no index %s", field)
		}
		if got := f(test.obj); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s is %v, want %s", field, got, test.want)
		}
		if got := f(test.other); got != nil {
			t.Errorf("%s of another kind is %v", field, got)
		}
	}
	if len(cache.indexes) != 2 {
		t.Errorf("%d indexes, of which only 2 are tested", len(cache.indexes))
	}
}

func TestARefusedIndexIsToldByName(t *testing.T) {
	for _, field := range []string{index.BotAccount, index.DropletBot} {
		cache := &indexer{indexes: map[string]client.IndexerFunc{}, refuses: field}
		if err := index.Register(t.Context(), cache); !errors.Is(err, errRefused) {
			t.Errorf("%s was refused: error %v", field, err)
		}
	}
}
