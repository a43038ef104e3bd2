// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

const (
	// gatewayName names the gateway's Deployment, Service, PodDisruptionBudget and NetworkPolicy.
	gatewayName = "open-spawn-gateway"
	// gatewayAccount names the gateway's ServiceAccount.
	gatewayAccount = "gateway"
	// finishing is how long the gateway finishes requests after its drain delay.
	finishing = 20 * time.Second
)

func TestEverySelectorFindsTheGatewayAndNothingElse(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	deployment := gateway(t, api)
	pod := deployment.Spec.Template.Spec
	antiAffinity := pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	for name, selector := range map[string]*metav1.LabelSelector{
		"Deployment":               deployment.Spec.Selector,
		"Service":                  {MatchLabels: get(t, api, &corev1.Service{}, gatewayName).Spec.Selector},
		"metrics' Service":         {MatchLabels: get(t, api, &corev1.Service{}, gatewayName+"-metrics").Spec.Selector},
		"PodDisruptionBudget":      get(t, api, &policyv1.PodDisruptionBudget{}, gatewayName).Spec.Selector,
		"NetworkPolicy":            &get(t, api, &networkingv1.NetworkPolicy{}, gatewayName).Spec.PodSelector,
		"podAntiAffinity":          antiAffinity[0].PodAffinityTerm.LabelSelector,
		"topologySpreadConstraint": pod.TopologySpreadConstraints[0].LabelSelector,
	} {
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !parsed.Matches(labels.Set(deployment.Spec.Template.Labels)) {
			t.Errorf("the selector of the %s is %q, which does not find the gateway", name, parsed)
		}
		if parsed.Matches(labels.Set(manager(t, api).Spec.Template.Labels)) {
			t.Errorf("the selector of the %s is %q, which finds the manager too", name, parsed)
		}
	}
}

func TestThePortsAreThoseTheGatewayListensOn(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	container := gateway(t, api).Spec.Template.Spec.Containers[0]
	for name, flag := range map[string]string{
		"https": "--listen", "metrics": "--metrics-bind-address", "health": "--health-probe-bind-address",
	} {
		index := slices.IndexFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
		if index < 0 {
			t.Errorf("the gateway has no port %q", name)
			continue
		}
		if got, want := flagOf(container, flag), fmt.Sprintf(":%d", container.Ports[index].ContainerPort); got != want {
			t.Errorf("%s is %q, and port %q is %s", flag, got, name, want)
		}
	}
	service := get(t, api, &corev1.Service{}, gatewayName)
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer ||
		service.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		t.Errorf("the Service is of type %s with policy %s, and hides who calls", service.Spec.Type,
			service.Spec.ExternalTrafficPolicy)
	}
	if port := service.Spec.Ports[0]; port.Port != 443 || port.TargetPort != intstr.FromString("https") {
		t.Errorf("the Service has port %d to %s", port.Port, port.TargetPort.String())
	}
	if got := get(t, api, &corev1.Service{}, gatewayName+"-metrics").Spec.Ports[0].TargetPort; got.String() != "metrics" {
		t.Errorf("the metrics' Service goes to port %s", got.String())
	}
}

// The gateway faces the internet: what it can be reached on, and what it can reach, is all there is to it.
func TestTheGatewayIsReachedByAnybodyAndReachesLittle(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	policy := get(t, api, &networkingv1.NetworkPolicy{}, gatewayName)
	var open, out []string
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			open = append(open, fmt.Sprintf("%s %t", port.Port.String(), len(rule.From) == 0))
		}
	}
	for _, rule := range policy.Spec.Egress {
		for _, port := range rule.Ports {
			out = append(out, fmt.Sprintf("%s %s", *port.Protocol, port.Port.String()))
		}
	}
	slices.Sort(open)
	slices.Sort(out)
	if want := []string{"health true", "https true", "metrics false"}; !slices.Equal(open, want) {
		t.Errorf("the gateway can be reached on %q, want %q", open, want)
	}
	if want := []string{"TCP 443", "TCP 53", "TCP 6443", "UDP 53"}; !slices.Equal(out, want) {
		t.Errorf("the gateway reaches %q, want %q", out, want)
	}
}

// The certificate must change without a restart, which a file mounted by subPath never does.
func TestTheGatewaysCertificateIsInADirectoryThatFollowsTheSecret(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	pod := gateway(t, api).Spec.Template.Spec
	if len(pod.Volumes) != 1 || len(pod.Containers[0].VolumeMounts) != 1 {
		t.Fatalf("volumes %+v", pod.Volumes)
	}
	mount, secret := pod.Containers[0].VolumeMounts[0], pod.Volumes[0].Secret
	if mount.SubPath != "" || mount.SubPathExpr != "" || !mount.ReadOnly {
		t.Errorf("the certificate's mount is %+v, want a read-only directory without subPath", mount)
	}
	if secret == nil || secret.SecretName != "open-spawn-gateway-tls" {
		t.Errorf("the certificate's volume is %+v", pod.Volumes[0])
	}
	for flag, key := range map[string]string{
		"--tls-cert-file": corev1.TLSCertKey, "--tls-key-file": corev1.TLSPrivateKeyKey,
	} {
		if got, want := flagOf(pod.Containers[0], flag), mount.MountPath+"/"+key; got != want {
			t.Errorf("%s is %q, want %q", flag, got, want)
		}
	}
}

// Killed sooner, the gateway would cut off machines in the middle of an answer.
func TestTheGatewayIsGivenTheTimeThatItsEndTakes(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	pod := gateway(t, api).Spec.Template.Spec
	container := pod.Containers[0]
	drain, err := time.ParseDuration(flagOf(container, "--drain-delay"))
	if err != nil {
		t.Fatal(err)
	}
	pause := time.Duration(container.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	if least := pause + drain + finishing; grace <= least {
		t.Errorf("the gateway is killed after %s, and its end takes up to %s", grace, least)
	}
	// Nodes send nothing to a replica whose probe has failed so often, and it still serves for as long as it drains.
	probe := container.ReadinessProbe
	if fails := time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second; fails < drain {
		t.Errorf("nodes forget the gateway %s after it began to drain, and it drains for %s", fails, drain)
	}
}

// Both serve the same machines: the digests that the manager tells are those of the files that the gateway has.
func TestManagerAndGatewayAgree(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	one, other := manager(t, api).Spec.Template.Spec.Containers[0], gateway(t, api).Spec.Template.Spec.Containers[0]
	if one.Image != other.Image {
		t.Errorf("the manager is of image %s, the gateway of %s", one.Image, other.Image)
	}
	for _, flag := range []string{"--agent-dir", "--delivery-namespace"} {
		if a, b := flagOf(one, flag), flagOf(other, flag); a != b || a == "" {
			t.Errorf("%s is %q of the manager and %q of the gateway", flag, a, b)
		}
	}
	if got := flagOf(other, "--delivery-namespace"); got != delivery.Namespace {
		t.Errorf("they meet in namespace %s", got)
	}
}

// There is no gateway that could be called by default, so the manager does not start without being told of one.
func TestTheManagerWaitsToBeToldWhereTheGatewayIs(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	var told int
	for _, variable := range manager(t, api).Spec.Template.Spec.Containers[0].Env {
		if !strings.HasPrefix(variable.Name, "OPENSPAWN_GATEWAY_") {
			continue
		}
		told++
		from := variable.ValueFrom.ConfigMapKeyRef
		if isURL := variable.Name == "OPENSPAWN_GATEWAY_URL"; from.Name != gatewayName || isURL == (from.Optional != nil) {
			t.Errorf("%s is from %+v", variable.Name, from)
		}
	}
	if told != 2 {
		t.Errorf("the manager is told of the gateway in %d variables, want 2", told)
	}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: gatewayName},
		&corev1.ConfigMap{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("config/default knows where the gateway is: %v", err)
	}
}

// gateway reads the gateway's Deployment.
func gateway(t *testing.T, api client.Client) *appsv1.Deployment {
	t.Helper()
	return get(t, api, &appsv1.Deployment{}, gatewayName)
}

// flagOf is the value of a flag, empty if it is not among the arguments.
func flagOf(container corev1.Container, flag string) string {
	for _, arg := range container.Args {
		if value, found := strings.CutPrefix(arg, flag+"="); found {
			return value
		}
	}
	return ""
}
