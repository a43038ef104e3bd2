// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/options"
)

// An administrator who runs the manager by hand has not installed anything but the CRDs.
func TestAManagerRunByHandMakesTheNamespaceOfItsLease(t *testing.T) {
	w := newWorld(t)
	home := "home-" + rand.String(8)
	for range 2 {
		_, err := manager.New(t.Context(), manager.Options{
			Settings: options.Manager{
				DigitalOceanURL: w.road.URL, DigitalOceanTokenFile: w.tokenFile, SettleWindow: settleWindow,
				MetricsBindAddress: "0", HealthProbeBindAddress: "0",
				LeaderElect: true, LeaderElectionNamespace: home,
			},
			Config: shared.plane.Config(), Clock: clock.RealClock{}, Embedded: true,
			Logger: zap.New(zap.WriteTo(w.newLog(t))),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var namespace corev1.Namespace
	if err := shared.api.Get(t.Context(), client.ObjectKey{Name: home}, &namespace); err != nil {
		t.Fatal(err)
	}
	if err := shared.api.Delete(t.Context(), &namespace); err != nil && !apierrors.IsConflict(err) {
		t.Error(err)
	}
}
