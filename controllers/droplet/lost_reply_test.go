// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// lostReplies are the ways in which the answer to a create can leave its outcome open.
var lostReplies = map[string]struct {
	fault   dosim.Fault
	options func(*dosim.Options)
	// wantRequests is 2 when the first has created nothing.
	wantRequests int
}{
	"the reply is dropped after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultDropAfter}, wantRequests: 1,
	},
	"the connection is cut in the middle of the 202": {
		fault: dosim.Fault{Kind: dosim.FaultCutBody}, wantRequests: 1,
	},
	"a 500 comes after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultStatusAfter, Status: 500}, wantRequests: 1,
	},
	"an HTML 504 comes after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultStatusAfter, Status: 504, HTML: true}, wantRequests: 1,
	},
	"an HTML 403 comes from an edge after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultStatusAfter, Status: 403, HTML: true}, wantRequests: 1,
	},
	"a 408 comes after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultStatusAfter, Status: 408}, wantRequests: 1,
	},
	"no answer comes and nothing is committed": {
		fault: dosim.Fault{Kind: dosim.FaultHang}, wantRequests: 2,
	},
	"no answer comes and it is committed 20 s later": {
		fault: dosim.Fault{Kind: dosim.FaultLateCommit, Delay: 20 * time.Second, Hang: true}, wantRequests: 1,
	},
	"the connection breaks and it is committed 4 min later": {
		fault: dosim.Fault{Kind: dosim.FaultLateCommit, Delay: 4 * time.Minute}, wantRequests: 1,
	},
	"the connection breaks before the commit": {
		fault: dosim.Fault{Kind: dosim.FaultDropBefore}, wantRequests: 2,
	},
	"a 503 comes in place of the commit": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 503}, wantRequests: 2,
	},
	"the reply is dropped and lists lag 10 s": {
		fault:   dosim.Fault{Kind: dosim.FaultDropAfter},
		options: func(o *dosim.Options) { o.ListLag = 10 * time.Second }, wantRequests: 1,
	},
	"the reply is dropped and lists and reads lag 2 min": {
		fault: dosim.Fault{Kind: dosim.FaultDropAfter},
		options: func(o *dosim.Options) {
			o.ListLag, o.GetLag = 2*time.Minute, 2*time.Minute
		}, wantRequests: 1,
	},
	"the reply is dropped and tags lag 2 min": {
		fault:   dosim.Fault{Kind: dosim.FaultDropAfter},
		options: func(o *dosim.Options) { o.TagLag = 2 * time.Minute }, wantRequests: 1,
	},
}

func TestCRIT005_ALostReplyToACreateNeverMakesASecondInstance(t *testing.T) {
	for name, test := range lostReplies {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.options != nil {
				if err := w.Cloud.Configure(test.options); err != nil {
					t.Fatal(err)
				}
			}
			w.fault(http.MethodPost, list, test.fault)

			w.reconcileIn(5 * time.Second)
			w.wantExists(metav1.ConditionUnknown, spawnv1.CreateUnresolvedReason, "before anything is asked again")
			w.wantClass(spawnv1.ReconcilingCondition)
			if state := w.droplet().Status.Attempt.State; state != spawnv1.AttemptPending {
				t.Errorf("the attempt is %s, want %s", state, spawnv1.AttemptPending)
			}

			w.driveToReady()
			w.wantOne()
			if w.Creates() != test.wantRequests {
				t.Errorf("%d create requests, want %d", w.Creates(), test.wantRequests)
			}
			if d := w.droplet().Status.Attempt; d.State != spawnv1.AttemptDone || d.Number != int64(test.wantRequests) {
				t.Errorf("attempt is %+v, want number %d done", d, test.wantRequests)
			}

			w.deleteDroplet()
			w.driveToGone()
			w.wantNone()
		})
	}
}

func TestCRIT005_TheLooksAreSpreadOverTheSettleWindow(t *testing.T) {
	w := newWorld(t)
	w.fault(http.MethodPost, list, dosim.Fault{Kind: dosim.FaultDropBefore})
	start := w.Clock.Now()
	w.driveToReady()

	var looks []int
	for _, e := range w.requests(http.MethodGet, list) {
		looks = append(looks, int(e.Time.Sub(start).Round(time.Second).Seconds()))
	}
	// The first comes before the first request, the last before the second.
	want := []int{0, 5, 15, 30, 60, 120, 300, 300}
	if !slices.Equal(looks, want) {
		t.Errorf("looks at %v s, want at %v s", looks, want)
	}
}

func TestCRIT005_ALookThatFailedProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.fault(http.MethodPost, list, dosim.Fault{Kind: dosim.FaultDropBefore})
	w.reconcileIn(5 * time.Second)
	w.fault(http.MethodGet, list, dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Count: dosim.Forever})

	w.Step(time.Hour)
	for range 4 { // with the request that was dropped these are five failures, after which the breaker is open
		if _, err := w.reconcile(); err == nil {
			t.Fatal("a look that failed is no error")
		}
	}
	w.wantExists(metav1.ConditionUnknown, spawnv1.CloudUnavailableReason)
	if a := w.droplet().Status.Attempt; a.EmptyLooks != 0 || a.State != spawnv1.AttemptPending {
		t.Errorf("attempt is %+v after looks that failed, want it pending without an empty look", a)
	}

	w.Cloud.ClearFaults()
	w.Step(31 * time.Second) // until the breaker lets one call through
	w.reconcileIn(time.Second)
	w.reconcileIn(time.Second)
	w.reconcileIn(10 * time.Millisecond)
	w.wantExists(metav1.ConditionFalse, spawnv1.CreateExpiredReason)
	w.driveToReady()
	w.wantOne()
}

func TestCRIT005_APlacementThatFailsAfterThe202EndsAsALostInstance(t *testing.T) {
	w := newWorld(t)
	w.fault(http.MethodPost, list, dosim.Fault{Kind: dosim.FaultErrored})
	w.drive("the instance is called lost", func() bool {
		return existsReason(w.droplet()) == spawnv1.InstanceLostReason
	})
	if w.Creates() != 1 {
		t.Errorf("%d create requests for one Droplet, want 1", w.Creates())
	}
	w.deleteDroplet()
	w.driveToGone()
}
