// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/fleet"
)

// TeamUUID is the DigitalOcean team of every test's fleet.
const TeamUUID = "0b1f0a52-6e0b-4c3a-9b55-1d2e3f405162"

// newGuard is the fleet's guard of one incarnation. The test's namespace is also the manager's own, so that each test
// has a fleet record for itself.
func (e *Env) newGuard(kube client.Client, do digitalocean.Options, recorder events.EventRecorder) *fleet.Guard {
	e.t.Helper()
	who, err := fleet.Identify(context.WithoutCancel(e.t.Context()), e.Client, e.Namespace, Fleet)
	e.must(err, "finding out who the manager is")
	return fleet.New(e.guardOptions(who, kube, do, recorder))
}

// GuardOptions are those of a guard that stands alone, with events of its own; it runs as who.
func (e *Env) GuardOptions(who fleet.Identity) (fleet.Options, *events.FakeRecorder) {
	e.t.Helper()
	do := digitalocean.Options{
		BaseURL: e.SimulatorURL, Timeout: cloudTimeout, CreateTimeout: cloudTimeout, Clock: e.Clock,
	}
	transport := digitalocean.NewTransport(do)
	e.t.Cleanup(transport.CloseIdleConnections)
	do.Transport = e.conformance.Wrap(transport)
	recorder := events.NewFakeRecorder(eventsKept)
	return e.guardOptions(who, e.Client, do, recorder), recorder
}

func (e *Env) guardOptions(
	who fleet.Identity, kube client.Client, do digitalocean.Options, recorder events.EventRecorder,
) fleet.Options {
	return fleet.Options{
		Token: e.Token, API: kube, Namespace: e.Namespace, Identity: who,
		NewFleet: e.NewFleet, TakeOver: e.TakeOver, Recorder: recorder, Clock: e.Clock,
		Dial: func(token string) (fleet.Cloud, error) {
			bound := do
			bound.Token = func() string { return token }
			return digitalocean.Connect(bound)
		},
	}
}

// ClusterUID is the uid of namespace kube-system.
func (e *Env) ClusterUID() string {
	e.t.Helper()
	var home corev1.Namespace
	e.must(e.Client.Get(e.t.Context(), client.ObjectKey{Name: "kube-system"}, &home), "reading namespace kube-system")
	return string(home.UID)
}

// GivenFleetRecord writes the fleet record of a fleet that was installed long ago, as edit has it, in place of the one
// there is.
func (e *Env) GivenFleetRecord(edit func(data map[string]string)) {
	e.t.Helper()
	e.LoseFleetRecord()
	record := e.fleetRecord()
	record.Data = map[string]string{"fleetID": Fleet, "teamUUID": TeamUUID, "clusterUID": e.ClusterUID()}
	if edit != nil {
		edit(record.Data)
	}
	e.must(e.Client.Create(e.t.Context(), record), "writing the fleet record")
}

// LoseFleetRecord deletes the fleet record.
func (e *Env) LoseFleetRecord() {
	e.t.Helper()
	e.must(client.IgnoreNotFound(e.Client.Delete(e.t.Context(), e.fleetRecord())), "deleting the fleet record")
}

// FleetRecord is what the fleet record says, nil when there is none.
func (e *Env) FleetRecord() map[string]string {
	e.t.Helper()
	record := e.fleetRecord()
	err := e.Client.Get(e.t.Context(), client.ObjectKeyFromObject(record), record)
	e.must(client.IgnoreNotFound(err), "reading the fleet record")
	return record.Data
}

func (e *Env) fleetRecord() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: fleet.RecordName}}
}
