// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// role is all that a gateway needs.
var role = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch"}},
	{
		APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"},
		Verbs: []string{"get", "list", "watch", "create", "update"},
	},
}

func TestAGatewayNeedsOneRoleInOneNamespace(t *testing.T) {
	meta, group := metav1.ObjectMeta{Namespace: delivery.Namespace, Name: "gateway"}, rbacv1.GroupName
	_, err := kube.RbacV1().Roles(delivery.Namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: role},
		metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = kube.RbacV1().RoleBindings(delivery.Namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: group, Kind: "Role", Name: "gateway"},
		Subjects: []rbacv1.Subject{{APIGroup: group, Kind: rbacv1.UserKind, Name: "gateway"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config, err := plane.ConfigFor("gateway")
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	r := startReplica(t, "narrow", func(o *gateway.Options) { o.Client = narrow })
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	if !r.beat(t, credential).Run {
		t.Error("it is not to run")
	}
	fresh := token.NewCredential(name)
	asks := protocol.Rotation{CredentialSHA256: fresh.Hash().String()}
	if got := r.call(t, http.MethodPost, protocol.CredentialPath, asks, bearer(credential)...); got.status != 204 {
		t.Errorf("rotating: %d %s", got.status, got.body)
	}
	publish(t, name, 1)
	if c := configIn(t, r.poll(t, fresh, "20s", "")); c.Version != 1 {
		t.Errorf("config %+v", c)
	}
}
