// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
)

// nameSnapshot records the name that a snapshot is asked for with, before it is. A try that may have left something
// behind keeps its name, so that there is one name to look for.
func (o *operations) nameSnapshot(s *scope) string {
	if s.droplet.Status.Snapshot == nil {
		s.droplet.Status.Snapshot = &spawnv1.InstanceSnapshot{Name: identity.SnapshotName(s.droplet.Name, s.now)}
	}
	return s.droplet.Status.Snapshot.Name
}

// findSnapshot looks for the snapshot by the name that was recorded, and records its id. Of two, which a lost reply can
// make, either is good.
func (o *operations) findSnapshot(ctx context.Context, s *scope) (bool, error) {
	recorded := s.droplet.Status.Snapshot
	if recorded == nil {
		return true, nil // nobody wants it any more
	}
	snapshots, err := o.cloudFor(s.droplet).SnapshotsOf(ctx, s.droplet.Status.InstanceID)
	if err != nil {
		return false, err
	}
	for _, snapshot := range snapshots {
		if snapshot.Name == recorded.Name {
			log.FromContext(ctx).Info("took a snapshot", "snapshotID", snapshot.ID, "instanceID", s.droplet.Status.InstanceID)
			recorded.ID = snapshot.ID
			return true, nil
		}
	}
	return false, nil
}

// rescueSnapshot records, of a machine that is lost, the snapshot that was taken of it and that nobody had seen yet: it
// is the only copy of what was on its disk.
func (e *existence) rescueSnapshot(ctx context.Context, s *scope) error {
	recorded := s.droplet.Status.Snapshot
	if recorded == nil || !isSnapshotDue(s.droplet) {
		return nil
	}
	snapshots, err := e.urgent(s.droplet).ListSnapshots(ctx)
	if err != nil {
		return err
	}
	for _, snapshot := range snapshots {
		if snapshot.Name == recorded.Name {
			log.FromContext(ctx).Info("found the snapshot of a lost instance", "snapshotID", snapshot.ID)
			recorded.ID = snapshot.ID
		}
	}
	return nil
}

// dropSnapshot destroys the snapshot of a machine that goes on after all: nobody will restore it. done tells that the
// reconcile ends with it.
func (o *operations) dropSnapshot(ctx context.Context, s *scope) (result reconcile.Result, done bool, err error) {
	if s.droplet.Status.Snapshot == nil || wantsSnapshot(s.droplet) {
		return reconcile.Result{}, false, nil
	}
	api := o.urgent(s.droplet)
	snapshots, err := api.SnapshotsOf(ctx, s.droplet.Status.InstanceID)
	if cloud.IsNotFound(err) && !s.droplet.DeletionTimestamp.IsZero() {
		snapshots, err = api.ListSnapshots(ctx) // its instance is gone
	}
	left := 0
	for _, snapshot := range snapshots {
		if err == nil && snapshot.Name == s.droplet.Status.Snapshot.Name {
			left++
			log.FromContext(ctx).Info("destroying a snapshot that nobody wants", "snapshotID", snapshot.ID)
			err = cloud.IgnoreNotFound(api.DeleteSnapshot(ctx, snapshot.ID))
		}
	}
	if err != nil {
		result, err := o.hindered(s, err)
		return result, true, err
	}
	if left > 0 {
		return reconcile.Result{RequeueAfter: goneCheck}, true, nil // looked for once more
	}
	s.droplet.Status.Snapshot = nil
	return reconcile.Result{}, false, nil
}
