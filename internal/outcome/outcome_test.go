// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package outcome_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cedros-io/open-spawn/internal/outcome"
)

var (
	errOne      = errors.New("one")
	errTwo      = errors.New("two")
	errConflict = fmt.Errorf("writing: %w", apierrors.NewConflict(schema.GroupResource{Resource: "bots"}, "scout", errOne))
)

const pause = 200 * time.Millisecond

func TestTheOutcomeOfSteps(t *testing.T) {
	in := func(d time.Duration) reconcile.Result { return reconcile.Result{RequeueAfter: d} }
	type step struct {
		result reconcile.Result
		err    error
	}
	for name, test := range map[string]struct {
		steps    []step
		want     time.Duration
		errs     []error
		conflict bool
	}{
		"no step at all":              {},
		"nobody wants to look again":  {steps: []step{{}, {}}},
		"the soonest wins":            {steps: []step{{in(time.Hour), nil}, {in(time.Minute), nil}}, want: time.Minute},
		"no wait is no soon wait":     {steps: []step{{in(time.Hour), nil}, {}}, want: time.Hour},
		"an error wins over a wait":   {steps: []step{{in(time.Hour), nil}, {err: errOne}}, errs: []error{errOne}},
		"every error is told":         {steps: []step{{err: errOne}, {err: errTwo}}, errs: []error{errOne, errTwo}},
		"a conflict looks again soon": {steps: []step{{err: errConflict}}, want: pause, conflict: true},
		"a conflict and a longer wait": {
			steps: []step{{in(time.Hour), nil}, {err: errConflict}}, want: pause, conflict: true,
		},
		"a conflict and a shorter wait": {
			steps: []step{{in(time.Millisecond), nil}, {err: errConflict}}, want: time.Millisecond, conflict: true,
		},
		"a conflict beside an error": {steps: []step{{err: errConflict}, {err: errOne}}, errs: []error{errOne}},
	} {
		t.Run(name, func(t *testing.T) {
			var out outcome.Outcome
			for _, s := range test.steps {
				out.Add(s.result, s.err)
			}
			if failed := len(test.errs) > 0 || test.conflict; out.Failed() != failed {
				t.Errorf("failed: %v, want %v", out.Failed(), failed)
			}
			result, err := out.Of()
			if result.RequeueAfter != test.want || (err != nil) != (len(test.errs) > 0) {
				t.Errorf("look again in %s with error %v, want %s and %v", result.RequeueAfter, err, test.want, test.errs)
			}
			for _, want := range test.errs {
				if !errors.Is(err, want) {
					t.Errorf("error %v does not tell of %v", err, want)
				}
			}
			if apierrors.IsConflict(err) {
				t.Errorf("a conflict is told as an error: %v", err)
			}
		})
	}
}
