// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/status"
)

func sample() (*spawnv1.Droplet, cloud.Instance) {
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Name: "scout-abc"},
		Spec: spawnv1.DropletSpec{
			Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64", PowerState: spawnv1.PowerOn,
			Backups: spawnv1.SwitchDisabled, Monitoring: spawnv1.SwitchEnabled, IPv6: spawnv1.SwitchDisabled,
			Tags: []string{"desk-7"}, SSHKeys: []string{"aa:bb"}, VPCUUID: "vpc",
		},
		Status: spawnv1.DropletStatus{
			InstanceID: 7, State: "active", PublicIPv4: "203.0.113.7", PrivateIPv4: "10.0.0.7", PublicIPv6: "2001:db8::7",
		},
	}
	status.Set(droplet, epoch, status.True(spawnv1.ExistsCondition, spawnv1.InstanceFoundReason, "it exists"))
	return droplet, cloud.Instance{
		ID: 7, Name: "scout-abc", State: cloud.StateActive, Region: "nyc3", Size: "s-1vcpu-2gb",
		PublicIPv4: "203.0.113.7", PrivateIPv4: "10.0.0.7", PublicIPv6: "2001:db8::7",
		Tags: identity.Tags("f", []string{"desk-7"}),
	}
}

func TestALossIsMassiveAboveFiveAndTwoPercentOrOfAWholeFleet(t *testing.T) {
	for name, test := range map[string]struct {
		lost, known int
		want        bool
	}{
		"one of one":        {1, 1, false},
		"one of two":        {1, 2, false},
		"two of two":        {2, 2, true},
		"five of six":       {5, 6, false},
		"six of six":        {6, 6, true},
		"six of 299":        {6, 299, true},
		"six of 300":        {6, 300, false},
		"seven of 350":      {7, 350, false},
		"200 of 10000":      {200, 10000, false},
		"201 of 10000":      {201, 10000, true},
		"none of an empty":  {0, 0, false},
		"none of a hundred": {0, 100, false},
	} {
		if got := isMassLoss(test.lost, test.known); got != test.want {
			t.Errorf("%s: mass loss is %v, want %v", name, got, test.want)
		}
	}
}

func TestWhatExistsIsComparedWithWhatWasAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		edit     func(*cloud.Instance)
		wantSays string
	}{
		"the same": {func(*cloud.Instance) {}, ""},
		"another name": {func(i *cloud.Instance) { i.Name = "x" },
			"instance 7: name is x, not scout-abc; it is being put back"},
		"neither our name nor our tag": {func(i *cloud.Instance) { i.Name, i.Tags = "x", nil }, "it is left alone"},
		"another region":               {func(i *cloud.Instance) { i.Region = "ams3" }, "region is ams3, not nyc3"},
		"another size":                 {func(i *cloud.Instance) { i.Size = "x" }, "size is x, not s-1vcpu-2gb"},
		"two differences": {func(i *cloud.Instance) { i.Size, i.Region = "x", "ams3" },
			"region is ams3, not nyc3, size is x, not s-1vcpu-2gb"},
		"an address is not": {func(i *cloud.Instance) { i.PublicIPv4 = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			droplet, instance := sample()
			test.edit(&instance)
			got := asSpecifiedCondition(droplet, instance, "f")
			if want := test.wantSays == ""; (got.Status == metav1.ConditionTrue) != want ||
				!strings.Contains(got.Message, test.wantSays) {
				t.Errorf("condition is %s %q, want %v saying %q", got.Status, got.Message, want, test.wantSays)
			}
		})
	}
}

func TestPowerIsComparedWithWhatWasAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		state      string
		want       spawnv1.PowerState
		wantStatus metav1.ConditionStatus
		wantReason string
	}{
		"on and on":         {"active", spawnv1.PowerOn, metav1.ConditionTrue, spawnv1.PoweredOnReason},
		"off and off":       {"off", spawnv1.PowerOff, metav1.ConditionTrue, spawnv1.PoweredOffReason},
		"off, should be on": {"off", spawnv1.PowerOn, metav1.ConditionFalse, spawnv1.PoweringOnReason},
		"on, should be off": {"active", spawnv1.PowerOff, metav1.ConditionFalse, spawnv1.PoweringOffReason},
		"archived":          {"archive", spawnv1.PowerOff, metav1.ConditionFalse, spawnv1.PowerDiffersReason},
		"booting":           {"new", spawnv1.PowerOn, metav1.ConditionUnknown, spawnv1.BootingReason},
		"booting to be off": {"new", spawnv1.PowerOff, metav1.ConditionUnknown, spawnv1.BootingReason},
	} {
		droplet, _ := sample()
		droplet.Status.State, droplet.Spec.PowerState = test.state, test.want
		if got := runningCondition(droplet, nil); got.Status != test.wantStatus || got.Reason != test.wantReason {
			t.Errorf("%s: Running is %s/%s, want %s/%s", name, got.Status, got.Reason, test.wantStatus, test.wantReason)
		}
	}
	droplet, _ := sample()
	droplet.Status.Conditions = nil
	if got := runningCondition(droplet, nil); got.Reason != spawnv1.WaitingForInstanceReason {
		t.Errorf("without an instance Running is %s, want it to wait", got.Reason)
	}
}

func TestARequestAsksForTheMachineOfTheSpec(t *testing.T) {
	droplet, _ := sample()
	want := cloud.InstanceRequest{
		Name: "scout-abc", Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64", SSHKeys: []string{"aa:bb"},
		VPCUUID: "vpc", Tags: []string{"open-spawn", "open-spawn-fleet:f1", "u:desk-7"}, Monitoring: true,
		UserData: "#cloud-config\n",
	}
	if got := requestFor(droplet, "f1", "#cloud-config\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("the request is %+v, want %+v", got, want)
	}
	droplet.Spec.Image, droplet.Spec.SnapshotID = "", 12
	droplet.Spec.Backups, droplet.Spec.IPv6 = spawnv1.SwitchEnabled, spawnv1.SwitchEnabled
	if got := requestFor(droplet, "f1", ""); got.Image != "" || got.SnapshotID != 12 || !got.Backups || !got.IPv6 {
		t.Errorf("the request is %+v, want snapshot 12 with backups and IPv6", got)
	}
}
