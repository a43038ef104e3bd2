// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestInstallingTwiceChangesNothing(t *testing.T) {
	withManager(t)
	// Not resourceVersions: the Deployment's status changes meanwhile.
	before := column(t, defaultDir, ".metadata.generation")
	for _, dir := range []string{crdDir, defaultDir} {
		kubectl(t, "apply", "--server-side", "-k", dir)
	}
	if diff := cmp.Diff(before, column(t, defaultDir, ".metadata.generation")); diff != "" {
		t.Errorf("installing again changed generations (-first +second):\n%s", diff)
	}
}

// A selector with a typing error selects nothing, and nobody is told: no metrics, no budget, no policy.
func TestEverySelectorFindsTheManager(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	template := labels.Set(manager(t, api).Spec.Template.Labels)

	service := get(t, api, &corev1.Service{}, managerName+"-metrics")
	budget := get(t, api, &policyv1.PodDisruptionBudget{}, managerName)
	policy := get(t, api, &networkingv1.NetworkPolicy{}, managerName)
	pod := manager(t, api).Spec.Template.Spec
	antiAffinity := pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	for name, selector := range map[string]*metav1.LabelSelector{
		"Service":                  {MatchLabels: service.Spec.Selector},
		"webhooks' Service":        {MatchLabels: get(t, api, &corev1.Service{}, webhookService).Spec.Selector},
		"PodDisruptionBudget":      budget.Spec.Selector,
		"NetworkPolicy":            &policy.Spec.PodSelector,
		"podAntiAffinity":          antiAffinity[0].PodAffinityTerm.LabelSelector,
		"topologySpreadConstraint": pod.TopologySpreadConstraints[0].LabelSelector,
	} {
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if parsed.Empty() || !parsed.Matches(template) {
			t.Errorf("the selector of the %s is %q, which does not find pods with %v", name, parsed, template)
		}
	}
}

// Ports are named everywhere but in the manager's arguments, so one number could move without the other.
func TestThePortsAreThoseTheManagerListensOn(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	container := manager(t, api).Spec.Template.Spec.Containers[0]
	for name, flag := range map[string]string{
		"metrics": "--metrics-bind-address", "health": "--health-probe-bind-address", "webhook": "--webhook-bind-address",
	} {
		index := slices.IndexFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
		if index < 0 {
			t.Errorf("the manager has no port %q", name)
			continue
		}
		want := fmt.Sprintf("%s=:%d", flag, container.Ports[index].ContainerPort)
		if !slices.Contains(container.Args, want) {
			t.Errorf("port %q is %d, but %s is not among %q", name, container.Ports[index].ContainerPort, want,
				container.Args)
		}
	}
	policy := get(t, api, &networkingv1.NetworkPolicy{}, managerName)
	var open []string
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			open = append(open, port.Port.String())
		}
	}
	slices.Sort(open)
	if want := []string{"health", "metrics", "webhook"}; !slices.Equal(open, want) {
		t.Errorf("the manager can be reached on %q, want %q", open, want)
	}
	for name, port := range map[string]string{managerName + "-metrics": "metrics", webhookService: "webhook"} {
		service := get(t, api, &corev1.Service{}, name)
		if got, want := service.Spec.Ports[0].TargetPort, intstr.FromString(port); got != want {
			t.Errorf("Service %s goes to port %s, want %s", name, got.String(), want.String())
		}
	}
}

// What else the cluster does can never be held up by us, and a Service that is not there holds up our own.
func TestTheWebhooksAreOfOurKindsAndLeadToTheManager(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	var hooks admissionregistrationv1.ValidatingWebhookConfiguration
	if err := api.Get(t.Context(), client.ObjectKey{Name: webhooksName}, &hooks); err != nil {
		t.Fatal(err)
	}
	port := get(t, api, &corev1.Service{}, webhookService).Spec.Ports[0].Port
	for _, hook := range hooks.Webhooks {
		for _, rule := range hook.Rules {
			if !slices.Equal(rule.APIGroups, []string{spawnv1.GroupName}) || slices.Contains(rule.Resources, "*") ||
				slices.ContainsFunc(rule.Resources, func(r string) bool { return strings.Contains(r, "/") }) {
				t.Errorf("webhook %s is asked about %v", hook.Name, rule)
			}
		}
		where := hook.ClientConfig.Service
		if where == nil || where.Name != webhookService || where.Namespace != systemNamespace || *where.Port != port {
			t.Errorf("webhook %s is called at %+v", hook.Name, where)
		}
		if *hook.TimeoutSeconds != 5 || *hook.MatchPolicy != admissionregistrationv1.Equivalent {
			t.Errorf("webhook %s has timeout %d and match policy %s", hook.Name, *hook.TimeoutSeconds, *hook.MatchPolicy)
		}
	}
}

// The token must change without a restart, which a file mounted by subPath never does.
func TestTheTokenFileIsInADirectoryThatFollowsTheSecret(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	pod := manager(t, api).Spec.Template.Spec
	mount := pod.Containers[0].VolumeMounts[0]
	if mount.SubPath != "" || mount.SubPathExpr != "" || !mount.ReadOnly {
		t.Errorf("the token's mount is %+v, want a read-only directory without subPath", mount)
	}
	secret := pod.Volumes[0].Secret
	if secret == nil || len(secret.Items) != 1 {
		t.Fatalf("the token's volume is %+v, want one key of a Secret", pod.Volumes[0])
	}
	want := fmt.Sprintf("--digitalocean-token-file=%s/%s", mount.MountPath, secret.Items[0].Path)
	if !slices.Contains(pod.Containers[0].Args, want) {
		t.Errorf("%s is not among %q", want, pod.Containers[0].Args)
	}
}

// manager reads the manager's Deployment.
func manager(t *testing.T, api client.Client) *appsv1.Deployment {
	t.Helper()
	return get(t, api, &appsv1.Deployment{}, managerName)
}

// get reads one object of the system namespace.
func get[T client.Object](t *testing.T, api client.Client, object T, name string) T {
	t.Helper()
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
	return object
}
