// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

// Letter is what the manager has written down for a machine; nil when it has nothing.
func (m *Machines) Letter(machine string) (*delivery.Machine, *delivery.Content) {
	m.env.t.Helper()
	var secret corev1.Secret
	err := m.env.Client.Get(m.env.t.Context(), client.ObjectKey{Namespace: m.Namespace, Name: machine}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	m.env.must(err, "reading the letter of %s", machine)
	told, err := delivery.ReadMachine(&secret)
	m.env.must(err, "reading the letter of %s", machine)
	content, _ := delivery.ReadContent(&secret)
	return told, content
}

// Left are the objects of machines that there are: in the delivery namespace, and user data.
func (m *Machines) Left() []string {
	m.env.t.Helper()
	var left []string
	var secrets corev1.SecretList
	m.env.must(m.env.Client.List(m.env.t.Context(), &secrets), "listing Secrets")
	var leases coordinationv1.LeaseList
	m.env.must(m.env.Client.List(m.env.t.Context(), &leases, client.InNamespace(m.Namespace)), "listing Leases")
	for _, object := range append(objects(&secrets), objects(&leases)...) {
		_, ours := delivery.BotOf(object)
		if ours && (object.GetNamespace() == m.Namespace || object.GetNamespace() == m.env.Namespace) {
			left = append(left, object.GetNamespace()+"/"+object.GetName())
		}
	}
	return left
}
