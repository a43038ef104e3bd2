// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package leadership_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/leadership"
)

// readerFunc is the API server of which only Get is asked.
type readerFunc func(key client.ObjectKey, into client.Object) error

func (f readerFunc) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return f(key, into)
}

func (f readerFunc) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("nobody lists leases")
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheLeaseIsHeld(t *testing.T) {
	renewed := func(ago time.Duration) *metav1.MicroTime { return &metav1.MicroTime{Time: noon.Add(-ago)} }
	for name, test := range map[string]struct {
		lease coordinationv1.LeaseSpec
		err   error
		want  string
	}{
		"just renewed": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), RenewTime: renewed(0), LeaseDurationSeconds: ptr.To[int32](15),
		}},
		"at its very end": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), RenewTime: renewed(15 * time.Second), LeaseDurationSeconds: ptr.To[int32](15),
		}},
		"renewed by a clock that is ahead": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), RenewTime: renewed(-time.Minute), LeaseDurationSeconds: ptr.To[int32](15),
		}},
		"of another": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("you"), RenewTime: renewed(0), LeaseDurationSeconds: ptr.To[int32](15),
		}, want: `held by "you"`},
		"of nobody": {lease: coordinationv1.LeaseSpec{
			RenewTime: renewed(0), LeaseDurationSeconds: ptr.To[int32](15),
		}, want: `held by ""`},
		"given back": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To(""), RenewTime: renewed(0), LeaseDurationSeconds: ptr.To[int32](1),
		}, want: `held by ""`},
		"run out": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), RenewTime: renewed(time.Minute), LeaseDurationSeconds: ptr.To[int32](15),
		}, want: "ran out 45s ago"},
		"never renewed": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), LeaseDurationSeconds: ptr.To[int32](15),
		}, want: "never renewed"},
		"of no duration": {lease: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), RenewTime: renewed(0),
		}, want: "never renewed"},
		"unreadable": {err: errors.New("connection refused"), want: "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			check := leadership.Lease{
				Clock: clocktesting.NewFakePassiveClock(noon), Key: client.ObjectKey{Namespace: "ns", Name: "leader"}, Holder: "me",
				Reader: readerFunc(func(key client.ObjectKey, into client.Object) error {
					lease, ok := into.(*coordinationv1.Lease)
					if !ok || key.Namespace != "ns" || key.Name != "leader" {
						t.Fatalf("read %T %s", into, key)
					}
					lease.Spec = test.lease
					return test.err
				}),
			}
			err := check.Held(t.Context())
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if test.err != nil && !errors.Is(err, test.err) {
				t.Errorf("error %v does not wrap %v", err, test.err)
			}
			if check.Identity() != "me" {
				t.Errorf("identity %q", check.Identity())
			}
		})
	}
}

func TestAProcessAloneAlwaysLeads(t *testing.T) {
	alone := leadership.Alone("manager-1")
	if err := alone.Held(t.Context()); err != nil || alone.Identity() != "manager-1" {
		t.Errorf("%q: %v", alone.Identity(), err)
	}
}
