// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

// action is what the reporter of an event was doing.
const action = "Sweep"

func logged(instance cloud.Instance) []any {
	return []any{"instanceID", instance.ID, "name", instance.Name}
}

func (s *Sweeper) event(kind, reason, format string, args ...any) {
	s.recorder.Eventf(s.record(), nil, kind, reason, action, format, args...)
}

// tellFound tells of every orphan once, when a second pass has shown it.
func (s *Sweeper) tellFound(ctx context.Context) {
	for _, known := range s.seen {
		if known.told || known.passes == 0 {
			continue
		}
		known.told = true
		instance := known.instance
		log.FromContext(ctx).Info("found an orphan", append(logged(instance), "createdAt", instance.CreatedAt)...)
		s.event(corev1.EventTypeWarning, spawnv1.OrphanFoundReason,
			"instance %d, %s, bears the fleet's tag and no Droplet or Bot claims it", instance.ID, instance.Name)
	}
}

func (s *Sweeper) tellStray(ctx context.Context, instance cloud.Instance) {
	log.FromContext(ctx).Info("found an instance without a fleet's tag that is named like a machine",
		logged(instance)...)
	s.event(corev1.EventTypeWarning, spawnv1.OrphanFoundReason,
		"instance %d, %s, is named like a machine, bears no fleet's tag, and no Droplet or Bot claims it; it is never "+
			"destroyed: put the tag on it, or destroy it by hand", instance.ID, instance.Name)
}

func (s *Sweeper) tellDestroyed(ctx context.Context, instance cloud.Instance) {
	log.FromContext(ctx).Info("orphan is destroyed", logged(instance)...)
	s.meters.destroyed.Inc()
	s.event(corev1.EventTypeNormal, spawnv1.OrphanDestroyedReason,
		"instance %d, %s, is destroyed: no Droplet or Bot has claimed it", instance.ID, instance.Name)
}

func (s *Sweeper) tellFrozen(ctx context.Context) {
	log.FromContext(ctx).Error(errors.New(s.breaker.why), "no orphan is destroyed")
	s.event(corev1.EventTypeWarning, spawnv1.OrphansFrozenReason,
		"no orphan is destroyed: %s; restore the objects, or destroy by hand what is really left over", s.breaker.why)
}
