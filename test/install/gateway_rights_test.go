// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
)

// gatewayRights are all that the gateway may do.
var gatewayRights = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch"}},
	{
		APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"},
		Verbs: []string{"get", "list", "watch", "create", "update"},
	},
}

// The API server is asked, as the gateway, what it may do in each namespace that there is. What any account may do is
// left out, such as asking this.
func TestTheGatewayMayDoThisInOneNamespaceAndNothingAnywhereElse(t *testing.T) {
	withNamespaced(t) // it has more namespaces, and the same gateway
	theGatewayHasItsRightsOnly(t)
}

func TestTheGatewayOfTheDefaultInstallationMayDoTheSame(t *testing.T) {
	withManager(t)
	theGatewayHasItsRightsOnly(t)
}

func theGatewayHasItsRightsOnly(t *testing.T) {
	t.Helper()
	boss, _ := admin(t)
	namespaces := &corev1.NamespaceList{}
	if err := boss.List(t.Context(), namespaces); err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, namespace := range namespaces.Items {
		anybody := rightsIn(t, asAccount(t, "nobody"), namespace.Name)
		rights := rightsIn(t, asAccount(t, gatewayAccount), namespace.Name)
		for right := range anybody {
			delete(rights, right)
		}
		var want []string
		if namespace.Name == delivery.Namespace {
			want, seen = lines(granted(t, gatewayRights)), true
		}
		if diff := cmp.Diff(want, lines(rights)); diff != "" {
			t.Errorf("namespace %s (-may +is granted):\n%s", namespace.Name, diff)
		}
	}
	if !seen {
		t.Errorf("there is no namespace %s", delivery.Namespace)
	}
}

// rightsIn are the rights that a client has in a namespace, and those it has everywhere. Paths that are no resources
// count as rights to a resource of that name.
func rightsIn(t *testing.T, config *rest.Config, namespace string) map[right]bool {
	t.Helper()
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	review, err := api.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}},
		metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if review.Status.Incomplete {
		t.Errorf("not all is known of namespace %s: %s", namespace, review.Status.EvaluationError)
	}
	var rules []rbacv1.PolicyRule
	for _, rule := range review.Status.ResourceRules {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames, Verbs: rule.Verbs,
		})
	}
	for _, rule := range review.Status.NonResourceRules {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{"path"}, Resources: rule.NonResourceURLs, Verbs: rule.Verbs,
		})
	}
	return granted(t, rules)
}

// asAccount impersonates a ServiceAccount beside the manager; it need not exist.
func asAccount(t *testing.T, name string) *rest.Config {
	t.Helper()
	config := rest.CopyConfig(cluster.plane.Config())
	config.Impersonate.UserName = "system:serviceaccount:" + systemNamespace + ":" + name
	config.Impersonate.Groups = []string{
		"system:serviceaccounts", "system:serviceaccounts:" + systemNamespace, "system:authenticated",
	}
	return config
}

// What is told above holds for the token that its pods have.
func TestTheGatewayDoesWhatItMayAndIsRefusedTheRest(t *testing.T) {
	plane := withManager(t)
	boss, _ := admin(t)
	config, err := plane.ServiceAccountConfig(t.Context(), systemNamespace, gatewayAccount)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{Scheme: boss.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	meta := func(namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: "scout-k3v9x2m1qab7c"}
	}
	secret := &corev1.Secret{ObjectMeta: meta(delivery.Namespace)}
	if err := boss.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	lease := &coordinationv1.Lease{ObjectMeta: meta(delivery.Namespace)}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, _ = boss.Delete(ctx, secret), boss.Delete(ctx, lease)
	})
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(secret), &corev1.Secret{}); err != nil {
		t.Error(err)
	}
	if err := api.Create(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	lease.Spec.HolderIdentity = ptr.To("replica")
	if err := api.Update(t.Context(), lease); err != nil {
		t.Error(err)
	}
	empty := client.RawPatch("application/merge-patch+json", []byte(`{}`))
	for what, err := range map[string]error{
		"creating a Secret":        api.Create(t.Context(), &corev1.Secret{ObjectMeta: meta(delivery.Namespace)}),
		"updating a Secret":        api.Update(t.Context(), secret.DeepCopy()),
		"patching a Secret":        api.Patch(t.Context(), secret.DeepCopy(), empty),
		"deleting a Secret":        api.Delete(t.Context(), secret.DeepCopy()),
		"patching a Lease":         api.Patch(t.Context(), lease.DeepCopy(), empty),
		"deleting a Lease":         api.Delete(t.Context(), lease.DeepCopy()),
		"the manager's Secrets":    api.List(t.Context(), &corev1.SecretList{}, client.InNamespace(systemNamespace)),
		"everybody's Secrets":      api.List(t.Context(), &corev1.SecretList{}),
		"the leader's Lease":       api.Create(t.Context(), &coordinationv1.Lease{ObjectMeta: meta(systemNamespace)}),
		"reading ConfigMaps":       api.List(t.Context(), &corev1.ConfigMapList{}, client.InNamespace(delivery.Namespace)),
		"reading Bots":             api.List(t.Context(), &spawnv1.BotList{}),
		"reading Pods":             api.List(t.Context(), &corev1.PodList{}, client.InNamespace(delivery.Namespace)),
		"recording an event":       api.Create(t.Context(), &corev1.Event{ObjectMeta: meta(delivery.Namespace)}),
		"reading the namespace":    api.Get(t.Context(), client.ObjectKey{Name: delivery.Namespace}, &corev1.Namespace{}),
		"reading what it may do":   api.List(t.Context(), &rbacv1.RoleList{}, client.InNamespace(delivery.Namespace)),
		"a Lease of any namespace": api.List(t.Context(), &coordinationv1.LeaseList{}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s answers %v, want a refusal", what, err)
		}
	}
}

// Nobody who belongs to a tenant gets at what is delivered, and the manager of one namespace cannot be asked for it.
func TestTheDeliveryNamespaceIsNoTenants(t *testing.T) {
	withTenants(t)
	awaitAggregation(t)
	for _, who := range slices.Concat(tenants, []person{platform}) {
		api := who.client(t)
		for what, err := range map[string]error{
			"its Secrets": api.List(t.Context(), &corev1.SecretList{}, client.InNamespace(delivery.Namespace)),
			"its Leases":  api.List(t.Context(), &coordinationv1.LeaseList{}, client.InNamespace(delivery.Namespace)),
		} {
			if !apierrors.IsForbidden(err) {
				t.Errorf("%s of %s reads %s: %v, want a refusal", who.name, who.group, what, err)
			}
		}
	}
}

// A pod in the delivery namespace could mount what is delivered: one that may do more than ours is refused there too.
func TestTheDeliveryNamespaceRestrictsPods(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	for _, pod := range []*corev1.Pod{managerPod(t, api), gatewayPod(t, api)} {
		pod.Namespace, pod.Spec.ServiceAccountName = delivery.Namespace, "default"
		if pod.Spec.HostNetwork = true; !apierrors.IsForbidden(api.Create(t.Context(), pod, client.DryRunAll)) {
			t.Errorf("namespace %s takes a pod on the host's network", delivery.Namespace)
		}
	}
}
