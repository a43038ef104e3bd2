// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/droplet"
)

func TestDropletsAreCountedByTheReasonThatAPersonWouldRead(t *testing.T) {
	w := readyWorld(t)
	w.many = true
	w.GivenDroplet("newcomer")
	w.GivenDroplet("other", func(d *spawnv1.Droplet) { d.Spec.Region = "ams3" })
	want := `
		# HELP openspawn_droplets Droplets by the reason of their Ready condition.
		# TYPE openspawn_droplets gauge
		openspawn_droplets{reason=""} 2
		openspawn_droplets{reason="Ready"} 1
	`
	if err := testutil.CollectAndCompare(droplet.NewController(droplet.Options{Client: w.Client}),
		strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
