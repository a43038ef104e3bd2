// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestOurPodsPassRestrictedPodSecurity(t *testing.T) {
	withManager(t)
	api, heard := admin(t)
	for name, pod := range map[string]*corev1.Pod{managerName: managerPod(t, api), gatewayName: gatewayPod(t, api)} {
		if err := api.Create(t.Context(), pod, client.DryRunAll); err != nil {
			t.Errorf("a pod of %s is refused: %v", name, err)
		}
		if len(heard.texts) > 0 {
			t.Errorf("a pod of %s is warned about: %q", name, heard.texts)
		}
		// And the Deployment gets them: the controllers of Kubernetes create both, though no node runs them here.
		kubectl(t, "wait", "--for=jsonpath={.status.replicas}=2", waitTimeout, "-n", systemNamespace, "deployment/"+name)
	}
}

// The control: the namespace refuses what is not restricted, and each line of the securityContext is needed.
func TestOtherPodsAreRefused(t *testing.T) {
	withManager(t)
	api, _ := admin(t)
	for name, weaken := range map[string]func(pod *corev1.PodSpec, container *corev1.SecurityContext){
		"a privileged container": func(_ *corev1.PodSpec, c *corev1.SecurityContext) {
			c.Privileged, c.AllowPrivilegeEscalation = ptr.To(true), nil
		},
		"a pod on the host's network": func(p *corev1.PodSpec, _ *corev1.SecurityContext) {
			p.HostNetwork = true
		},
		"a pod that may run as root": func(p *corev1.PodSpec, _ *corev1.SecurityContext) {
			p.SecurityContext.RunAsNonRoot = nil
		},
		"a pod that is root": func(p *corev1.PodSpec, _ *corev1.SecurityContext) {
			p.SecurityContext.RunAsUser = ptr.To[int64](0)
		},
		"a pod without seccomp": func(p *corev1.PodSpec, _ *corev1.SecurityContext) {
			p.SecurityContext.SeccompProfile = nil
		},
		"a container with capabilities": func(_ *corev1.PodSpec, c *corev1.SecurityContext) {
			c.Capabilities = nil
		},
		"a container that may gain privileges": func(_ *corev1.PodSpec, c *corev1.SecurityContext) {
			c.AllowPrivilegeEscalation = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := managerPod(t, api)
			weaken(&pod.Spec, pod.Spec.Containers[0].SecurityContext)
			err := api.Create(t.Context(), pod, client.DryRunAll)
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
				t.Errorf("the answer is %v, want a refusal by Pod Security", err)
			}
		})
	}
}

// managerPod is a pod as the manager's Deployment makes it.
func managerPod(t *testing.T, api client.Client) *corev1.Pod {
	t.Helper()
	return podOf(manager(t, api))
}

// gatewayPod is a pod as the gateway's Deployment makes it.
func gatewayPod(t *testing.T, api client.Client) *corev1.Pod {
	t.Helper()
	return podOf(gateway(t, api))
}

func podOf(deployment *appsv1.Deployment) *corev1.Pod {
	template := deployment.Spec.Template
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: systemNamespace, GenerateName: deployment.Name + "-", Labels: template.Labels,
		},
		Spec: template.Spec,
	}
}
