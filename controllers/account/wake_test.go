// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

func machine() *spawnv1.Droplet {
	return &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Name: "scout-1", Labels: map[string]string{spawnv1.AccountLabel: "acme"}},
		Status:     spawnv1.DropletStatus{InstanceID: 7, HourlyPriceMicros: 5, State: "active"},
	}
}

func TestADropletWakesItsAccountOnlyWhenItsCostChanges(t *testing.T) {
	passes := costChanged()
	for name, test := range map[string]struct {
		edit func(*spawnv1.Droplet)
		want bool
	}{
		"nothing":       {func(*spawnv1.Droplet) {}, false},
		"its state":     {func(d *spawnv1.Droplet) { d.Status.State = "off" }, false},
		"its address":   {func(d *spawnv1.Droplet) { d.Status.PublicIPv4 = "192.0.2.1" }, false},
		"another label": {func(d *spawnv1.Droplet) { d.Labels["x"] = "y" }, false},
		"its price":     {func(d *spawnv1.Droplet) { d.Status.HourlyPriceMicros = 6 }, true},
		"its instance":  {func(d *spawnv1.Droplet) { d.Status.InstanceID = 0 }, true},
		"its account":   {func(d *spawnv1.Droplet) { d.Labels[spawnv1.AccountLabel] = "other" }, true},
		"its being in doubt": {func(d *spawnv1.Droplet) {
			status.Set(d, time.Time{}, status.Unknown(spawnv1.ExistsCondition, spawnv1.InstanceNotVisibleReason, "?"))
		}, false},
		"its loss": {func(d *spawnv1.Droplet) {
			status.Set(d, time.Time{}, status.False(spawnv1.ExistsCondition, spawnv1.InstanceLostReason, "lost"))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			after := machine()
			test.edit(after)
			if got := passes.Update(event.UpdateEvent{ObjectOld: machine(), ObjectNew: after}); got != test.want {
				t.Errorf("passed on: %v, want %v", got, test.want)
			}
		})
	}
	free := machine()
	free.Status.InstanceID = 0
	if passes.Create(event.CreateEvent{Object: free}) || passes.Delete(event.DeleteEvent{Object: free}) ||
		passes.Generic(event.GenericEvent{Object: machine()}) {
		t.Error("a Droplet without an instance wakes an Account")
	}
	if !passes.Create(event.CreateEvent{Object: machine()}) || !passes.Delete(event.DeleteEvent{Object: machine()}) {
		t.Error("a Droplet with an instance comes or goes, and wakes no Account")
	}
}

func TestADropletWakesTheAccountOfItsLabel(t *testing.T) {
	if got := accountOfDroplet(t.Context(), machine()); len(got) != 1 || got[0].Name != "acme" || got[0].Namespace != "" {
		t.Errorf("requests %v", got)
	}
	if got := accountOfDroplet(t.Context(), &spawnv1.Droplet{}); got != nil {
		t.Errorf("requests %v for a Droplet without a label", got)
	}
}
