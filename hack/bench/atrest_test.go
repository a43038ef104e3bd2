// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"testing"

	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

func TestAFleetAtRestCostsItsPasses(t *testing.T) {
	sim := dosim.New(dosim.Options{Admin: true})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	const size = 250
	got, err := measureFleetAtRest(t.Context(), &localrun.Simulator{URL: server.URL}, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	if got.Passes < 100 || got.Passes > 121 || got.PassCalls != int(got.Passes)*2 || got.OtherCalls > 20 {
		t.Errorf("two pages every 30 s or a little more are not %+v", got)
	}
	if got.PassCPU <= 0 || got.PassAlloc <= 0 || got.PassHeapPeak <= 0 {
		t.Errorf("a pass costs nothing: %+v", got)
	}
}
