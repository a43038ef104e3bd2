// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"k8s.io/apimachinery/pkg/types"
)

// talk is all that has to do with what machines are told, and say.
type talk struct {
	deliveries   *deliveries // nil when machines are not talked to
	registration *registration
	heartbeat    *heartbeat
	health       *health
	config       *config
}

func newTalk(o Options) *talk {
	if o.Delivery == nil {
		return &talk{}
	}
	d := &deliveries{Delivery: *o.Delivery, system: o.Client}
	return &talk{
		deliveries:   d,
		registration: &registration{deliveries: d, recorder: o.Recorder, conflicts: map[types.NamespacedName]int32{}},
		heartbeat:    &heartbeat{deliveries: d, inventory: o.Inventory},
		health:       &health{},
		config: &config{
			deliveries: d, sources: &sources{live: o.Live}, readings: newReadings(), rollout: newRollout(o.Client),
		},
	}
}

// steps are those of a reconcile, in their order.
func (t *talk) steps() []step {
	if t.deliveries == nil {
		return nil
	}
	return []step{t.registration, t.heartbeat, t.health, t.config}
}

// forget is for a Bot that goes.
func (t *talk) forget(key types.NamespacedName) {
	if t.deliveries != nil {
		t.registration.forget(key)
		t.config.forget(key)
	}
}
