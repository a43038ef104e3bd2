// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/status"
)

// checkInvariants holds after every reconcile: the status is what kstatus and the Flux status checker expect, unless
// the reconcile failed and so may have written none, no Bot has two instances, and no Account outgrows its limit.
func (e *Env) checkInvariants(obj client.Object, key types.NamespacedName, outcome error) {
	e.t.Helper()
	if err := e.Client.Get(e.t.Context(), key, obj); err != nil {
		if !apierrors.IsNotFound(err) {
			e.t.Fatalf("reading %s after its reconcile: %v", key, err)
		}
	} else if object, ok := obj.(status.Object); ok && outcome == nil {
		e.checkStatus(object)
	}
	e.checkOneInstance()
	e.checkLimits()
}

// checkStatus runs Flux's checker on a status that was written; one that was not yet is the API server's default.
func (e *Env) checkStatus(obj status.Object) {
	e.t.Helper()
	getter, ok := obj.(conditions.Getter)
	if !ok || len(obj.GetConditions()) == 0 {
		return
	}
	checker := check.NewChecker(e.Client, &check.Conditions{NegativePolarity: []string{
		spawnv1.ReconcilingCondition, spawnv1.StalledCondition,
	}})
	if status.IsTrue(obj, spawnv1.ReconcilingCondition) {
		checker = check.NewInProgressChecker(e.Client)
	}
	checker.DisableFetch = true
	if fail, _ := checker.Check(context.WithoutCancel(e.t.Context()), getter); fail != nil {
		e.t.Errorf("status of %s %s: %v\n%s", kindOf(obj), obj.GetName(), fail, conditionsOf(obj))
	}
}

// checkOneInstance is invariant I1: at most one live instance for each Bot, unless the test has planted more.
func (e *Env) checkOneInstance() {
	e.t.Helper()
	if e.MayHaveTwo {
		return
	}
	for bot := range e.bots() {
		if most := e.Cloud.MaxLive(identity.Prefix(Fleet, e.Namespace, bot.Name)); most > 1 {
			e.t.Fatalf("bot %s had %d live instances at once\n%s", bot.Name, most, e.Describe())
		}
	}
}

// Describe is what somebody who debugs the test wants to see.
func (e *Env) Describe() string {
	var out strings.Builder
	for _, list := range []client.ObjectList{&spawnv1.AccountList{}, &spawnv1.BotList{}, &spawnv1.DropletList{}} {
		if err := e.Client.List(context.WithoutCancel(e.t.Context()), list); err != nil {
			return err.Error()
		}
		for _, obj := range objects(list) {
			if o, ok := obj.(status.Object); ok {
				deleting := o.GetDeletionTimestamp() != nil
				fmt.Fprintf(&out, "%s %s (deleting: %v)\n%s", kindOf(o), o.GetName(), deleting, conditionsOf(o))
			}
			if d, ok := obj.(*spawnv1.Droplet); ok && d.Status.Attempt != nil {
				fmt.Fprintf(&out, "    attempt %+v\n", *d.Status.Attempt)
			}
		}
	}
	for _, i := range e.Cloud.Instances() {
		fmt.Fprintf(&out, "instance %d %s %s\n", i.ID, i.Name, i.State)
	}
	return out.String()
}

func conditionsOf(obj status.Object) string {
	var out strings.Builder
	for _, c := range obj.GetConditions() {
		fmt.Fprintf(&out, "    %-14s %-8s %-20s %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	return out.String()
}

func kindOf(obj client.Object) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", obj), "*v1alpha1.")
}
