// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// RecordName is the name of the fleet record, a ConfigMap in the manager's namespace. It belongs to the backup set.
const RecordName = "open-spawn-fleet"

// The keys of the fleet record.
const (
	fleetIDKey    = "fleetID"
	teamUUIDKey   = "teamUUID"
	clusterUIDKey = "clusterUID"
)

// clusterNamespace is the namespace whose uid stands for the cluster: it lives as long as the cluster does, and a
// restore into another cluster does not bring its uid along.
const clusterNamespace = "kube-system"

// Record says what belongs together.
type Record struct {
	// FleetID is in the tag and in the machine names of every instance of the fleet.
	FleetID string
	// TeamUUID is the DigitalOcean team that has the instances.
	TeamUUID string
	// ClusterUID is the uid of namespace kube-system of the cluster that has the objects.
	ClusterUID string
}

func (r Record) isComplete() bool { return r.FleetID != "" && r.TeamUUID != "" && r.ClusterUID != "" }

// Identity is who a manager is, before it has asked the cloud anything.
type Identity struct {
	// Fleet is the fleet id.
	Fleet string
	// Cluster is the uid of namespace kube-system.
	Cluster string
}

// Identify finds out who this manager is. The fleet id is the setting, else what the fleet record says, else the
// cluster's uid: a fleet that was taken over by another cluster keeps the id that its instances bear.
func Identify(ctx context.Context, reader client.Reader, namespace, setting string) (Identity, error) {
	var home corev1.Namespace
	if err := reader.Get(ctx, client.ObjectKey{Name: clusterNamespace}, &home); err != nil {
		return Identity{}, fmt.Errorf("reading namespace %s for the cluster's uid: %w", clusterNamespace, err)
	}
	who := Identity{Fleet: setting, Cluster: string(home.UID)}
	if who.Fleet != "" {
		return who, nil
	}
	found, err := (&records{api: reader, namespace: namespace}).read(ctx)
	if err != nil {
		return Identity{}, err
	}
	if who.Fleet = who.Cluster; found != nil && found.FleetID != "" {
		who.Fleet = found.FleetID
	}
	return who, nil
}

// stored is the fleet record together with the object it was read from.
type stored struct {
	Record
	object *corev1.ConfigMap
}

// records reads and writes the fleet record, live and never from a cache.
type records struct {
	api       client.Reader
	writer    client.Writer
	namespace string
}

// read is the record, nil when there is none.
func (r *records) read(ctx context.Context) (*stored, error) {
	object := r.reference()
	if err := r.api.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil //nolint:nilnil // no record is an answer
		}
		return nil, fmt.Errorf("reading the fleet record: %w", err)
	}
	return &stored{object: object, Record: Record{
		FleetID: object.Data[fleetIDKey], TeamUUID: object.Data[teamUUIDKey], ClusterUID: object.Data[clusterUIDKey],
	}}, nil
}

// write creates the record, or replaces exactly the one that was read. An error for which isRace holds means that
// somebody was faster, and that the record must be read again.
func (r *records) write(ctx context.Context, before *stored, record Record) error {
	object := r.reference()
	if before != nil {
		object = before.object.DeepCopy()
	}
	data := map[string]string{
		fleetIDKey: record.FleetID, teamUUIDKey: record.TeamUUID, clusterUIDKey: record.ClusterUID,
	}
	if object.Data == nil {
		object.Data = map[string]string{}
	}
	maps.Copy(object.Data, data)
	write := func() error { return r.writer.Create(ctx, object) }
	if before != nil {
		write = func() error { return r.writer.Update(ctx, object) } // under the resourceVersion that was read
	}
	if err := write(); err != nil {
		return fmt.Errorf("writing the fleet record: %w", err)
	}
	return nil
}

// isRace tells whether writing failed because the record that was read, or its absence, was no longer true. A create
// that finds no namespace is none.
func isRace(before *stored, err error) bool {
	if before == nil {
		return apierrors.IsAlreadyExists(err)
	}
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err)
}

// Record names the fleet record, which is what events about the fleet are about.
func (g *Guard) Record() *corev1.ConfigMap { return g.records.reference() }

// reference names the record; events refer to it also while there is none.
func (r *records) reference() *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.namespace, Name: RecordName,
			Labels: map[string]string{"app.kubernetes.io/part-of": "open-spawn"}, // so that a backup can select it
		},
	}
}
