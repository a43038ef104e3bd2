// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cedros-io/open-spawn/internal/fleet"
)

// The policies. Empty is Report while the installation is young, and Delete after that.
const (
	// PolicyDelete destroys orphans when all safeguards hold.
	PolicyDelete = "Delete"
	// PolicyReport only tells of them.
	PolicyReport = "Report"
)

// firstDay is how long a new installation only reports: it may be a restore, or one of two by mistake, and a person has
// a day to see that.
const firstDay = 24 * time.Hour

// mayDestroy tells whether the policy lets orphans be destroyed now. How old the installation is says its fleet record,
// which a restore writes anew; one that cannot be read, or is not there, says nothing, so nothing is destroyed.
func (s *Sweeper) mayDestroy(ctx context.Context) bool {
	if s.settings.Policy != "" {
		return s.settings.Policy == PolicyDelete
	}
	record := s.record()
	if err := s.live.Get(ctx, client.ObjectKeyFromObject(record), record); err != nil {
		log.FromContext(ctx).Info("orphans are only reported: the age of the installation is not known",
			"why", err.Error())
		return false
	}
	return s.clock.Since(record.CreationTimestamp.Time) >= firstDay
}

// record refers to the fleet record, which the events are about.
func (s *Sweeper) record() *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.settings.Namespace, Name: fleet.RecordName},
	}
}
