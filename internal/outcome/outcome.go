// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package outcome turns what the steps of a reconcile came to into what controller-runtime is told. It is the only
// place that does.
package outcome

import (
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// conflictPause lets the cache catch up with the write that came before ours; it is far below what a person notices.
const conflictPause = 200 * time.Millisecond

// Outcome collects the results of steps.
type Outcome struct {
	result reconcile.Result
	errs   []error
}

// Add takes in what a step came to.
func (o *Outcome) Add(result reconcile.Result, err error) {
	o.result.RequeueAfter = soonest(o.result.RequeueAfter, result.RequeueAfter)
	if err != nil {
		o.errs = append(o.errs, err)
	}
}

// Failed tells whether a step came to an error, be it only a conflict.
func (o *Outcome) Failed() bool { return len(o.errs) > 0 }

// Of is the outcome of the whole reconcile: the errors if there are any, so that they back off by themselves, otherwise
// the soonest time at which a step wants to look again. A conflict is neither an error nor news: somebody wrote first,
// and we look again at once.
func (o *Outcome) Of() (reconcile.Result, error) {
	var errs []error
	for _, err := range o.errs {
		if apierrors.IsConflict(err) {
			o.result.RequeueAfter = soonest(o.result.RequeueAfter, conflictPause)
			continue
		}
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return reconcile.Result{}, errors.Join(errs...)
	}
	return o.result, nil
}

// soonest is the smaller of two waits, where 0 means no wait at all was asked for.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
