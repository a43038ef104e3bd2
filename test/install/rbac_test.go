// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/fleet"
)

// ours selects what config/ installs.
var ours = client.MatchingLabels{"app.kubernetes.io/part-of": "open-spawn"}

// forPeople are the roles that whoever runs the platform binds, or that the cluster's own roles take in.
var forPeople = map[string]bool{"open-spawn-view": true, "open-spawn-edit": true, "open-spawn-account-admin": true}

// binding is what ClusterRoleBindings and RoleBindings have in common.
type binding struct {
	name, namespace string
	role            rbacv1.RoleRef
	subjects        []rbacv1.Subject
}

// RBAC accepts a binding to nothing, and then grants nothing; and a role that is bound to nobody.
func TestEveryBindingIsWhole(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	unbound := roles(t, api)
	for _, b := range bindings(t, api) {
		key := client.ObjectKey{Name: b.role.Name}
		if b.role.Kind == "Role" {
			key.Namespace = b.namespace
		}
		if _, known := unbound[key]; !known {
			t.Errorf("binding %s refers to %s %s, which config/ does not install", b.name, b.role.Kind, key)
		}
		unbound[key] = false
		for _, subject := range b.subjects {
			account := client.ObjectKey{Namespace: subject.Namespace, Name: subject.Name}
			if err := api.Get(t.Context(), account, &corev1.ServiceAccount{}); err != nil {
				t.Errorf("binding %s: %v", b.name, err)
			}
		}
	}
	for key, free := range unbound {
		if free && !forPeople[key.Name] {
			t.Errorf("role %s is bound to nobody", key)
		}
	}
	if got := manager(t, api).Spec.Template.Spec.ServiceAccountName; got != managerAccount {
		t.Errorf("the manager runs as %s, want %s", got, managerAccount)
	}
}

func TestTheManagerMayElectALeaderAtHomeOnly(t *testing.T) {
	plane := withManager(t)
	config, err := plane.ServiceAccountConfig(t.Context(), systemNamespace, managerAccount)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lease := func(namespace string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "election"}}
	}
	home := lease(systemNamespace)
	if err := api.Create(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		boss, _ := admin(t)
		if err := boss.Delete(context.WithoutCancel(t.Context()), home); err != nil {
			t.Error(err)
		}
	})
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(home), home); err != nil {
		t.Fatal(err)
	}
	home.Spec.HolderIdentity = ptr.To("replica")
	if err := api.Update(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	if err := api.Create(t.Context(), lease("kube-system")); !apierrors.IsForbidden(err) {
		t.Errorf("creating a Lease in kube-system answers %v, want a refusal", err)
	}
	if err := api.Delete(t.Context(), home); !apierrors.IsForbidden(err) {
		t.Errorf("deleting the Lease answers %v, want a refusal", err)
	}
}

func TestTheManagerMayKeepTheFleetRecordAtHomeOnly(t *testing.T) {
	plane := withManager(t)
	config, err := plane.ServiceAccountConfig(t.Context(), systemNamespace, managerAccount)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	configMap := func(namespace, name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	record := configMap(systemNamespace, fleet.RecordName)
	if err := api.Create(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		boss, _ := admin(t)
		if err := boss.Delete(context.WithoutCancel(t.Context()), record); err != nil {
			t.Error(err)
		}
	})
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(record), record); err != nil {
		t.Fatal(err)
	}
	record.Data = map[string]string{"fleetID": "taken-over"}
	if err := api.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"deleting the record":            api.Delete(t.Context(), record),
		"listing ConfigMaps":             api.List(t.Context(), &corev1.ConfigMapList{}, client.InNamespace(systemNamespace)),
		"changing another ConfigMap":     api.Update(t.Context(), rootCA.DeepCopy()),
		"creating a ConfigMap elsewhere": api.Create(t.Context(), configMap("kube-system", fleet.RecordName)),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s answers %v, want a refusal", what, err)
		}
	}
}

// rootCA is a ConfigMap that every namespace has.
var rootCA = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "kube-root-ca.crt"}}

// roles returns the roles that config/ installs, each marked as not bound yet. ClusterRoles have no namespace.
func roles(t *testing.T, api client.Client) map[client.ObjectKey]bool {
	t.Helper()
	clusterRoles, namespaced := &rbacv1.ClusterRoleList{}, &rbacv1.RoleList{}
	list(t, api, clusterRoles)
	list(t, api, namespaced)
	found := map[client.ObjectKey]bool{}
	for i := range clusterRoles.Items {
		found[client.ObjectKeyFromObject(&clusterRoles.Items[i])] = true
	}
	for i := range namespaced.Items {
		found[client.ObjectKeyFromObject(&namespaced.Items[i])] = true
	}
	return found
}

// bindings returns the bindings that config/ installs.
func bindings(t *testing.T, api client.Client) []binding {
	t.Helper()
	clusterWide, namespaced := &rbacv1.ClusterRoleBindingList{}, &rbacv1.RoleBindingList{}
	list(t, api, clusterWide)
	list(t, api, namespaced)
	var found []binding
	for _, b := range clusterWide.Items {
		found = append(found, binding{name: b.Name, role: b.RoleRef, subjects: b.Subjects})
	}
	for _, b := range namespaced.Items {
		found = append(found, binding{name: b.Name, namespace: b.Namespace, role: b.RoleRef, subjects: b.Subjects})
	}
	if len(found) == 0 {
		t.Fatal("config/ installs no binding")
	}
	return found
}

func list(t *testing.T, api client.Client, into client.ObjectList) {
	t.Helper()
	if err := api.List(t.Context(), into, ours); err != nil {
		t.Fatal(err)
	}
}
