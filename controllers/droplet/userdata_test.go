// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestNoInstanceIsCreatedWithoutItsUserData(t *testing.T) {
	w := testenv.New(t)
	droplet := w.GivenDroplet("scout", func(d *spawnv1.Droplet) { d.Spec.UserDataSecretName = d.Name })
	missing := func() {
		t.Helper()
		w.Pass()
		if _, err := w.ReconcileDroplet(droplet.Name); err != nil {
			t.Fatal(err)
		}
		now := w.DropletOf("scout")
		w.WantCondition(now, spawnv1.ExistsCondition, metav1.ConditionUnknown, spawnv1.UserDataMissingReason, droplet.Name)
		note(now)
		if now.Status.Attempt != nil || w.Creates() != 0 {
			t.Errorf("%d instances were asked for, attempt %v", w.Creates(), now.Status.Attempt)
		}
	}
	missing()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: droplet.Name},
		Data:       map[string][]byte{"other": []byte("x")},
	}
	if err := w.Client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	missing() // it has no such key
	w.Update(secret, func() { secret.Data = map[string][]byte{"userData": []byte("#cloud-config\n{}\n")} })
	w.Until("the instance exists", func() bool { return len(w.Live("scout")) == 1 })
	if data, _ := w.Cloud.UserData(w.Live("scout")[0].ID); data != "#cloud-config\n{}\n" {
		t.Errorf("its user data is %q", data)
	}
}
