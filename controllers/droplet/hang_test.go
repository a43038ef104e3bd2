// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// second is a world with a Droplet of another Bot beside the first.
func (w *world) second() *world {
	w.t.Helper()
	w.many = true
	return &world{many: true, Env: w.Env, t: w.t, name: w.GivenDroplet("hawk").Name}
}

func TestCRIT004_ACloudThatHangsOnOneDropletLetsTheOthersBeReconciled(t *testing.T) {
	for name, hang := range map[string]func(*world){
		"on the look by name": func(w *world) {
			w.Cloud.AddFault(dosim.Fault{
				Kind: dosim.FaultHang, Method: http.MethodGet, Contains: "name=" + w.name, Count: dosim.Forever,
			})
		},
		"on the create": func(w *world) {
			w.Cloud.AddFault(dosim.Fault{
				Kind: dosim.FaultHang, Method: http.MethodPost, Contains: w.name, Count: dosim.Forever,
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			other := w.second()
			hang(w)
			start := time.Now() //nolint:forbidigo // the deadline of a call is real time
			_, _ = w.reconcile()
			const deadline, slack = 300 * time.Millisecond, 5 * time.Second
			//nolint:forbidigo // as above
			if took := time.Since(start); took < deadline || took > slack {
				t.Errorf("the call ended after %s, want its deadline of %s", took, deadline)
			}
			if w.IsReady(w.droplet()) {
				t.Error("the droplet is Ready though the cloud hangs")
			}
			other.driveToReady()

			w.Cloud.ClearFaults()
			w.driveToReady()
			if len(w.Live("scout")) != 1 || len(w.Live("hawk")) != 1 || w.Ever() != 2 {
				t.Errorf("want one instance each\n%s", w.Describe())
			}
		})
	}
}

func TestCRIT004_ACloudThatHangsOnAReadOrADestructionIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.reconcileIn(5 * time.Second)
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultHang})
	if _, err := w.reconcile(); err == nil {
		t.Error("a read without an answer is no error")
	}
	w.wantExists(metav1.ConditionTrue, spawnv1.InstanceFoundReason)
	w.driveToReady()

	w.deleteDroplet()
	w.fault(http.MethodDelete, one, dosim.Fault{Kind: dosim.FaultHang})
	if _, err := w.reconcile(); err == nil {
		t.Error("a destruction without an answer is no error")
	}
	w.wantExists(metav1.ConditionTrue, spawnv1.DestroyingReason, "not destroyed yet", "no answer in time")
	w.wantFinalizer()
	w.driveToGone()
	w.wantNone()
}
