// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

const (
	actionsRoute = "/v2/droplets/{id}/actions"
	actionRoute  = "/v2/droplets/{id}/actions/{action}"
)

// everyAction has one request of each type that can be asked for, and the state from which it is accepted.
var everyAction = map[cloud.ActionRequest]cloud.State{
	{Type: cloud.ActionShutdown}:                      cloud.StateActive,
	{Type: cloud.ActionPowerOff}:                      cloud.StateActive,
	{Type: cloud.ActionPowerOn}:                       cloud.StateOff,
	{Type: cloud.ActionResize, Size: "s-2vcpu-4gb"}:   cloud.StateOff,
	{Type: cloud.ActionSnapshot, Name: "before-sale"}: cloud.StateOff,
	{Type: cloud.ActionRename, Name: "other-name"}:    cloud.StateActive,
}

func TestActAsksOnceAndIsFollowedToItsEnd(t *testing.T) {
	for request, from := range everyAction {
		t.Run(string(request.Type), func(t *testing.T) {
			client, sim := withSimulator(t)
			id := sim.Plant(dosim.Plant{Name: "scout", Size: "s-1vcpu-2gb", State: string(from)})
			begun, err := client.Act(t.Context(), id, request)
			if err != nil || begun.ID < 1 || begun.Type != request.Type || begun.StartedAt.IsZero() {
				t.Fatalf("begun %+v, %v", begun, err)
			}
			if n := sim.Requests(http.MethodPost, actionsRoute); n != 1 {
				t.Errorf("%d POSTs, want 1", n)
			}
			read, err := client.Action(t.Context(), id, begun.ID)
			begun.State = cloud.ActionCompleted // at the simulator, without a delay
			if diff := cmp.Diff(begun, read); err != nil || diff != "" {
				t.Errorf("%v: %s", err, diff)
			}
			wantDone(t, client, id, request)
		})
	}
}

// wantDone checks what an action has made of an instance that had 50 GB of disk.
func wantDone(t *testing.T, client *Client, id int64, request cloud.ActionRequest) {
	t.Helper()
	after, err := client.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if after.DiskGB != 50 {
		t.Errorf("its disk has %d GB now", after.DiskGB)
	}
	switch request.Type {
	case cloud.ActionShutdown, cloud.ActionPowerOff:
		if after.State != cloud.StateOff {
			t.Errorf("it is %s", after.State)
		}
	case cloud.ActionPowerOn:
		if after.State != cloud.StateActive {
			t.Errorf("it is %s", after.State)
		}
	case cloud.ActionResize:
		if after.Size != request.Size {
			t.Errorf("its size is %s", after.Size)
		}
	case cloud.ActionSnapshot:
		if taken, err := client.SnapshotsOf(t.Context(), id); err != nil || len(taken) != 1 || taken[0].Name != request.Name {
			t.Errorf("its snapshots are %+v, %v", taken, err)
		}
	case cloud.ActionRename:
		if after.Name != request.Name {
			t.Errorf("its name is %s", after.Name)
		}
	}
}

func TestAnActionThatIsUnderWay(t *testing.T) {
	client, sim := withSimulator(t)
	if err := sim.Configure(func(o *dosim.Options) { o.ActionDelay = patient }); err != nil {
		t.Fatal(err)
	}
	id := sim.Plant(dosim.Plant{Name: "scout"})
	begun, err := client.Act(t.Context(), id, cloud.ActionRequest{Type: cloud.ActionShutdown})
	if err != nil || begun.State != cloud.ActionInProgress {
		t.Fatalf("begun %+v, %v", begun, err)
	}
	_, err = client.Act(t.Context(), id, cloud.ActionRequest{Type: cloud.ActionPowerOff})
	wantKind(t, err, cloud.Busy)
	wantKind(t, client.Delete(t.Context(), id), cloud.Busy)
}

func TestAnActionThatFails(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout"})
	sim.AddFault(dosim.Fault{Kind: dosim.FaultErrored, Method: http.MethodPost})
	begun, err := client.Act(t.Context(), id, cloud.ActionRequest{Type: cloud.ActionPowerOff})
	if err != nil {
		t.Fatal(err)
	}
	if read, err := client.Action(t.Context(), id, begun.ID); err != nil || read.State != cloud.ActionErrored {
		t.Errorf("read %+v, %v", read, err)
	}
}

func TestWhatTheCloudRefusesToDo(t *testing.T) {
	const disk = "s-4vcpu-8gb" // whose disk has 160 GB
	for name, tc := range map[string]struct {
		plant   dosim.Plant
		request cloud.ActionRequest
		want    cloud.Kind
	}{
		"power on of one that is on": {
			dosim.Plant{}, cloud.ActionRequest{Type: cloud.ActionPowerOn}, cloud.Refused,
		},
		"power off of one that is off": {
			dosim.Plant{State: "off"}, cloud.ActionRequest{Type: cloud.ActionPowerOff}, cloud.Refused,
		},
		"anything of a newborn": {
			dosim.Plant{State: "new"}, cloud.ActionRequest{Type: cloud.ActionPowerOff}, cloud.Busy,
		},
		"resize of one that is on": {
			dosim.Plant{}, cloud.ActionRequest{Type: cloud.ActionResize, Size: "s-2vcpu-4gb"}, cloud.Refused,
		},
		"resize to a smaller disk": {
			dosim.Plant{State: "off", Size: disk}, cloud.ActionRequest{Type: cloud.ActionResize, Size: "s-1vcpu-2gb"},
			cloud.Refused,
		},
		"resize to an unknown size": {
			dosim.Plant{State: "off"}, cloud.ActionRequest{Type: cloud.ActionResize, Size: "huge"}, cloud.Refused,
		},
		"resize to a size that the region lacks": {
			dosim.Plant{State: "off", Region: "syd1"}, cloud.ActionRequest{Type: cloud.ActionResize, Size: "m-2vcpu-16gb"},
			cloud.Exhausted,
		},
		"a name that is none": {
			dosim.Plant{}, cloud.ActionRequest{Type: cloud.ActionRename, Name: "a_b c"}, cloud.Refused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, sim := withSimulator(t)
			tc.plant.Name = "scout"
			id := sim.Plant(tc.plant)
			_, err := client.Act(t.Context(), id, tc.request)
			wantKind(t, err, tc.want)
			_, err = client.Act(t.Context(), id+1, tc.request)
			wantKind(t, err, cloud.NotFound)
		})
	}
}

func TestActIsNotSentWithoutWhatItNeeds(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout", State: "off"})
	for _, request := range []cloud.ActionRequest{
		{}, {Type: "reboot"}, {Type: cloud.ActionResize}, {Type: cloud.ActionSnapshot}, {Type: cloud.ActionRename},
	} {
		_, err := client.Act(t.Context(), id, request)
		wantKind(t, err, cloud.Refused)
	}
	for _, bad := range []int64{0, -1} {
		_, err := client.Act(t.Context(), bad, cloud.ActionRequest{Type: cloud.ActionPowerOff})
		wantKind(t, err, cloud.Refused)
		_, err = client.Action(t.Context(), bad, 7)
		wantKind(t, err, cloud.Refused)
		_, err = client.Action(t.Context(), 7, bad)
		wantKind(t, err, cloud.Refused)
		_, err = client.Actions(t.Context(), bad)
		wantKind(t, err, cloud.Refused)
	}
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

// TestActIsOnePOSTWhateverGoesWrong: of a reply that is lost, the instance's actions tell what became of it.
func TestActIsOnePOSTWhateverGoesWrong(t *testing.T) {
	for name, tc := range createFaults {
		for _, connection := range []string{"on a fresh connection", "on a reused connection"} {
			t.Run(name+" "+connection, func(t *testing.T) {
				client, sim := withSimulator(t)
				id := sim.Plant(dosim.Plant{Name: "scout"})
				if connection == "on a reused connection" {
					if _, err := client.Get(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				tc.fault.Method, tc.fault.Count = http.MethodPost, dosim.Forever
				sim.AddFault(tc.fault)

				_, err := client.Act(t.Context(), id, cloud.ActionRequest{Type: cloud.ActionPowerOff})
				wantKind(t, err, tc.wantKind)
				if n := sim.Requests(http.MethodPost, ""); n != 1 {
					t.Errorf("%d POSTs, want 1", n)
				}
				begun, err := client.Actions(t.Context(), id)
				if err != nil || len(begun) != tc.wantLive {
					t.Errorf("%+v (%v), want %d actions", begun, err, tc.wantLive)
				}
			})
		}
	}
}

func TestActOutlivesItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		answering(http.StatusCreated, "application/json", `{"action":{"id":8,"resource_id":7,"type":"power_off"}}`)(w, r)
	})
	begun, err := client.Act(ctx, 7, cloud.ActionRequest{Type: cloud.ActionPowerOff})
	if err != nil || begun.ID != 8 {
		t.Fatalf("begun %+v, %v", begun, err)
	}
}

func TestActionsAreNewestFirst(t *testing.T) {
	client := withHandler(t, answering(200, "application/json", `{"meta":{"total":3},"actions":[
		{"id":1,"resource_id":7,"type":"create","status":"completed","started_at":"2026-01-02T03:04:05Z"},
		{"id":3,"resource_id":7,"type":"power_on","status":"in-progress","started_at":"2026-01-02T03:04:06Z"},
		{"id":2,"resource_id":7,"type":"reboot","status":"errored","started_at":"2026-01-02T03:04:06Z"}]}`))
	got, err := client.Actions(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	want := []cloud.Action{
		{ID: 3, Type: cloud.ActionPowerOn, State: cloud.ActionInProgress, StartedAt: at},
		{ID: 2, Type: "reboot", State: cloud.ActionErrored, StartedAt: at},
		{ID: 1, Type: "create", State: cloud.ActionCompleted, StartedAt: at.Add(-time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestActionsOfTheSimulator(t *testing.T) {
	client, sim := withSimulator(t)
	id, other := sim.Plant(dosim.Plant{Name: "scout"}), sim.Plant(dosim.Plant{Name: "other"})
	var newest cloud.Action
	for i := range perPage + 1 { // of more than a page the newest are what matters
		request := cloud.ActionRequest{Type: cloud.ActionRename, Name: fmt.Sprint("scout", i)}
		var err error
		if newest, err = client.Act(t.Context(), id, request); err != nil {
			t.Fatal(err)
		}
	}
	begun, err := client.Actions(t.Context(), id)
	if err != nil || len(begun) != perPage || begun[0].ID != newest.ID {
		t.Errorf("%d actions, the first %+v, %v", len(begun), begun[0], err)
	}
	if none, err := client.Actions(t.Context(), other); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	_, err = client.Action(t.Context(), other, newest.ID)
	wantKind(t, err, cloud.NotFound)
	_, err = client.Actions(t.Context(), other+1)
	wantKind(t, err, cloud.NotFound)
}

func TestAnActionOfAnotherIsADoubt(t *testing.T) {
	const js = "application/json"
	for name, body := range map[string]string{
		"of another instance": `{"action":{"id":8,"resource_id":9}}`,
		"without an id":       `{"action":{"resource_id":7}}`,
		"null":                `{"action":null}`,
		"an empty object":     `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := withHandler(t, answering(201, js, body)).
				Act(t.Context(), 7, cloud.ActionRequest{Type: cloud.ActionPowerOff})
			wantKind(t, err, cloud.Unavailable)
			_, err = withHandler(t, answering(200, js, body)).Action(t.Context(), 7, 8)
			wantKind(t, err, cloud.Unavailable)
		})
	}
	_, err := withHandler(t, answering(200, js, `{"actions":[]}`)).Actions(t.Context(), 7) // without a total
	wantKind(t, err, cloud.Unavailable)
	_, err = withHandler(t, answering(200, js, `{"action":{"id":9,"resource_id":7}}`)).Action(t.Context(), 7, 8)
	wantKind(t, err, cloud.Unavailable)
	_, err = withHandler(t, answering(200, js, `{"actions":[{"id":9,"resource_id":8}],"meta":{"total":1}}`)).
		Actions(t.Context(), 7)
	wantKind(t, err, cloud.Unavailable)
}

func TestReadingActionsFails(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout"})
	for _, fault := range []dosim.Fault{
		{Kind: dosim.FaultStatus, Status: 500}, {Kind: dosim.FaultCutBody}, {Kind: dosim.FaultDropAfter},
	} {
		for _, route := range []string{actionsRoute, actionRoute} {
			fault.Route = route
			sim.AddFault(fault)
		}
		actions, err := client.Actions(t.Context(), id)
		wantKind(t, err, cloud.Unavailable)
		if actions != nil {
			t.Errorf("%d actions beside an error", len(actions))
		}
		_, err = client.Action(t.Context(), id, 8)
		if cloud.IsNotFound(err) {
			t.Error("a failure is an answer")
		}
	}
}
