// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/status"
)

// Bot reads a Bot of the test's namespace.
func (e *Env) Bot(name string) *spawnv1.Bot {
	e.t.Helper()
	var bot spawnv1.Bot
	e.must(e.Client.Get(e.t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: name}, &bot), "reading bot %s", name)
	return &bot
}

// Account reads the test's Account.
func (e *Env) Account() *spawnv1.Account {
	e.t.Helper()
	var account spawnv1.Account
	e.must(e.Client.Get(e.t.Context(), client.ObjectKey{Name: e.AccountName()}, &account), "reading the account")
	return &account
}

// Droplets reads the Droplets of the test's namespace.
func (e *Env) Droplets() []spawnv1.Droplet {
	e.t.Helper()
	var list spawnv1.DropletList
	e.must(e.Client.List(e.t.Context(), &list, client.InNamespace(e.Namespace)), "listing droplets")
	return list.Items
}

// DropletOf reads the one Droplet of a Bot; the test fails when there is not exactly one.
func (e *Env) DropletOf(bot string) *spawnv1.Droplet {
	e.t.Helper()
	var found []spawnv1.Droplet
	for _, d := range e.Droplets() {
		if d.Spec.BotRef.Name == bot {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		e.t.Fatalf("bot %s has %d droplets, want 1", bot, len(found))
	}
	return &found[0]
}

// Exists tells whether the object is still there.
func (e *Env) Exists(obj client.Object) bool {
	e.t.Helper()
	copied, _ := obj.DeepCopyObject().(client.Object)
	err := e.Client.Get(e.t.Context(), client.ObjectKeyFromObject(obj), copied)
	if apierrors.IsNotFound(err) {
		return false
	}
	e.must(err, "reading %s", obj.GetName())
	return true
}

// IsReady tells whether the object is Ready for its present generation.
func (e *Env) IsReady(obj status.Object) bool {
	c := status.Get(obj, spawnv1.ReadyCondition)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == obj.GetGeneration()
}

// WantCondition fails the test unless the object's condition is as wanted and its message holds every given part.
func (e *Env) WantCondition(
	obj status.Object, conditionType string, want metav1.ConditionStatus, reason string, parts ...string,
) {
	e.t.Helper()
	c := status.Get(obj, conditionType)
	if c == nil {
		e.t.Errorf("%s has no condition %s", obj.GetName(), conditionType)
		return
	}
	if c.Status != want || c.Reason != reason {
		e.t.Errorf("%s: %s is %s/%s (%s), want %s/%s",
			obj.GetName(), conditionType, c.Status, c.Reason, c.Message, want, reason)
	}
	for _, part := range parts {
		if !strings.Contains(c.Message, part) {
			e.t.Errorf("%s: message of %s is %q, want it to contain %q", obj.GetName(), conditionType, c.Message, part)
		}
	}
}

// Live are the instances that exist now for a Bot of the test's namespace, whatever their exact machine name.
func (e *Env) Live(bot string) []dosim.Instance {
	return e.Cloud.Live(identity.Prefix(Fleet, e.Namespace, bot))
}

// Ever counts the instances that were ever created.
func (e *Env) Ever() int { return len(e.Cloud.Instances()) }

// Creates counts the requests to create an instance that the simulator has received.
func (e *Env) Creates() int { return e.Cloud.Requests("POST", "/v2/droplets") }

func objects(list client.ObjectList) []client.Object {
	var found []client.Object
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil
	}
	for _, item := range items {
		if obj, ok := item.(client.Object); ok {
			found = append(found, obj)
		}
	}
	return found
}
