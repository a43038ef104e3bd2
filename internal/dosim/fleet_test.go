// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func fleet(size int) *dosim.Server {
	sim := dosim.New(dosim.Options{})
	for i := range size {
		sim.Plant(dosim.Plant{Name: fmt.Sprintf("bot-%05d", i), Tags: []string{"open-spawn", "fleet"}})
	}
	return sim
}

// pass reads every page of the fleet as an inventory does, without a network, and gives the bytes that came.
func pass(tb testing.TB, sim http.Handler, size int) (bytes int) {
	tb.Helper()
	for page := 1; (page-1)*200 < size; page++ {
		r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet,
			fmt.Sprintf("/v2/droplets?tag_name=fleet&per_page=200&page=%d", page), nil)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			tb.Fatalf("page %d: %d %s", page, w.Code, w.Body)
		}
		bytes += w.Body.Len()
	}
	return bytes
}

func BenchmarkInventoryOfTenThousand(b *testing.B) {
	sim := fleet(10_000)
	defer sim.Close()
	for b.Loop() {
		b.SetBytes(int64(pass(b, sim, 10_000)))
	}
}

func BenchmarkCreateAndDelete(b *testing.B) {
	sim := fleet(10_000)
	defer sim.Close()
	for b.Loop() {
		id := sim.Plant(dosim.Plant{Name: "short-lived", Tags: []string{"fleet"}})
		if err := sim.DestroyInstance(id); err != nil {
			b.Fatal(err)
		}
	}
}
