// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// judgeStatus creates each row's object, and writes its status in a dry run.
func judgeStatus(t *testing.T, base string, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := stored(t, base)
			r.change(o)
			r.expect(t, api.Status().Update(t.Context(), o, client.DryRunAll))
		})
	}
}

// conditions writes n conditions of different types.
func conditions(n int) change {
	types := make([]string, 0, n)
	for i := range n {
		types = append(types, fmt.Sprintf("Type%d", i))
	}
	return conditionsOf(types...)
}

// sameCondition writes one condition twice.
func sameCondition() change { return conditionsOf("Ready", "Ready") }

func conditionsOf(types ...string) change {
	return func(o *object) {
		items := make([]any, 0, len(types))
		for _, kind := range types {
			items = append(items, map[string]any{
				"type": kind, "status": "True", "reason": "Test", "message": "",
				"lastTransitionTime": "2026-08-20T12:00:00Z",
			})
		}
		put(o, "status.conditions", items)
	}
}

func TestNewObjectsAreNotObserved(t *testing.T) {
	t.Parallel()
	for kind, base := range bases {
		t.Run(kind+" begins at generation 1, observed at -1", func(t *testing.T) {
			t.Parallel()
			o := stored(t, base, set("status", "{observedGeneration: 1, conditions: []}"))

			wantObserved(t, o, -1)
			if o.GetGeneration() != 1 {
				t.Errorf("metadata.generation = %d, want 1", o.GetGeneration())
			}
		})
	}
}

func TestStatusIsASubresource(t *testing.T) {
	t.Parallel()
	for kind, base := range bases {
		t.Run("writing a "+kind+" does not touch its status", func(t *testing.T) {
			t.Parallel()
			o := stored(t, base)
			set("status.observedGeneration", "1")(o)
			if err := api.Status().Update(t.Context(), o); err != nil {
				t.Fatalf("writing the status: %v", err)
			}

			set("status.observedGeneration", "7")(o)
			set("metadata.labels", "{a: b}")(o)
			if err := api.Update(t.Context(), o); err != nil {
				t.Fatalf("writing the object: %v", err)
			}

			wantObserved(t, o, 1)
		})
		t.Run("writing the status of a "+kind+" does not touch its spec or generation", func(t *testing.T) {
			t.Parallel()
			o := stored(t, base)
			before, _, _ := unstructured.NestedMap(o.Object, "spec")

			set(other[kind].path, other[kind].value)(o)
			set("status.observedGeneration", "1")(o)
			if err := api.Status().Update(t.Context(), o); err != nil {
				t.Fatalf("writing the status: %v", err)
			}

			after, _, _ := unstructured.NestedMap(o.Object, "spec")
			if fmt.Sprint(after) != fmt.Sprint(before) || o.GetGeneration() != 1 {
				t.Errorf("spec = %v at generation %d, want %v at 1", after, o.GetGeneration(), before)
			}
		})
	}
}

// wantObserved checks status.observedGeneration.
func wantObserved(t *testing.T, o *object, want int64) {
	t.Helper()
	got, _, err := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if err != nil || got != want {
		t.Errorf("status.observedGeneration = %d (%v), want %d", got, err, want)
	}
}

// bases are a valid manifest of each kind.
var bases = map[string]string{"Account": minimalAccount, "Bot": minimalBot, "Droplet": minimalDroplet}

// other is a spec field of each kind that may be changed, with another value.
var other = map[string]struct{ path, value string }{
	"Account": {"spec.tier", "Pro"},
	"Bot":     {"spec.desiredState", "Paused"},
	"Droplet": {"spec.powerState", "Off"},
}
