// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
)

const (
	namespacedDir = "../../config/namespaced"
	rbacDir       = "../../config/rbac"
)

// watched are the namespaces of config/namespaced.
var watched = []string{north, south}

// withNamespaced gives a cluster with what config/namespaced installs, in the place of config/default.
func withNamespaced(t *testing.T) client.Client {
	t.Helper()
	withManager(t)
	api, _ := admin(t)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, args := range [][]string{
			append([]string{"delete", "--ignore-not-found", waitTimeout, "namespace"}, watched...),
			{"delete", "--ignore-not-found", "-k", namespacedDir + "/events"},
			// No pod is ever ready here, so that an update of the Deployment would never end.
			{"delete", "--cascade=foreground", waitTimeout, "-n", systemNamespace, "deployment", managerName},
			{"apply", "--server-side", "-k", defaultDir},
		} {
			if _, err := cluster.plane.Kubectl(ctx, args...); err != nil {
				t.Error(err)
			}
		}
	})
	for _, name := range watched {
		if err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a second time changes nothing and conflicts with nothing
		kubectl(t, "apply", "--server-side", "-k", namespacedDir)
	}
	return api
}

func TestTheNamespacedInstallationGrantsTheSameInFewerNamespaces(t *testing.T) {
	api := withNamespaced(t)
	want := granted(t, roleFile(t, "role.yaml"), roleFile(t, "admission_role.yaml"))
	everywhere, within := managerRules(t, api)
	kinds := namespacedResources(t)
	for right := range granted(t, everywhere) {
		if kinds.Has(right.resource) {
			t.Errorf("a ClusterRole grants %v, which is in namespaces", right)
		}
	}
	for _, namespace := range watched {
		got := granted(t, everywhere, within[namespace])
		if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
			t.Errorf("what may be done in namespace %s (-config/rbac +config/namespaced):\n%s", namespace, diff)
		}
	}
	events := []rbacv1.PolicyRule{{
		APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"},
	}}
	if diff := cmp.Diff(lines(granted(t, events)), lines(granted(t, within[metav1.NamespaceDefault]))); diff != "" {
		t.Errorf("namespace default (-want +got):\n%s", diff)
	}
	home := granted(t, events, roleFile(t, "leader_election_role.yaml"), roleFile(t, "fleet_record_role.yaml"),
		roleFile(t, "webhook_certificate_role.yaml"), roleFile(t, "machine_secrets_role.yaml"))
	if diff := cmp.Diff(lines(home), lines(granted(t, within[systemNamespace]))); diff != "" {
		t.Errorf("the manager's own namespace (-want +got):\n%s", diff)
	}
	meets := granted(t, roleFile(t, "delivery_role.yaml"))
	if diff := cmp.Diff(lines(meets), lines(granted(t, within[delivery.Namespace]))); diff != "" {
		t.Errorf("where it meets the gateway (-want +got):\n%s", diff)
	}
}

// Two lists have to agree: where the manager looks, and where it may.
func TestTheNamespacesThatAreWatchedAreThoseWithRights(t *testing.T) {
	api := withNamespaced(t)
	var looks []string
	for _, variable := range manager(t, api).Spec.Template.Spec.Containers[0].Env {
		if variable.Name == "OPENSPAWN_WATCH_NAMESPACES" {
			looks = strings.Split(variable.Value, ",")
		}
	}
	_, within := managerRules(t, api)
	delete(within, metav1.NamespaceDefault)
	delete(within, systemNamespace)
	delete(within, delivery.Namespace)
	may := slices.Sorted(maps.Keys(within))
	if slices.Sort(looks); !slices.Equal(looks, may) || !slices.Equal(looks, watched) {
		t.Errorf("the manager looks after %q and may look after %q, want %q", looks, may, watched)
	}
}

// right is one verb on one resource, of one name or of all.
type right struct {
	resource   schema.GroupResource // with its subresource
	verb, name string
}

// granted takes rules apart.
func granted(t *testing.T, lists ...[]rbacv1.PolicyRule) map[right]bool {
	t.Helper()
	found := map[right]bool{}
	for _, rule := range slices.Concat(lists...) {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						found[right{schema.GroupResource{Group: group, Resource: resource}, verb, name}] = true
					}
				}
			}
		}
	}
	if len(found) == 0 {
		t.Error("rules that grant nothing")
	}
	return found
}

func lines(rights map[right]bool) []string {
	var said []string
	for r := range rights {
		said = append(said, fmt.Sprintf("%s %s %s", r.resource, r.verb, r.name))
	}
	slices.Sort(said)
	return said
}

// roleFile are the rules of a file of config/rbac.
func roleFile(t *testing.T, name string) []rbacv1.PolicyRule {
	t.Helper()
	content, err := os.ReadFile(rbacDir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole // a Role reads the same
	if err := yaml.Unmarshal(content, &role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

// rulesOf are the rules of each namespace.
type rulesOf map[string][]rbacv1.PolicyRule

// managerRules are the rules that the API server has for the manager: everywhere, and in each namespace.
func managerRules(t *testing.T, api client.Client) (everywhere []rbacv1.PolicyRule, within rulesOf) {
	t.Helper()
	within = rulesOf{}
	for _, b := range bindings(t, api) {
		isManagers := func(s rbacv1.Subject) bool { return s.Namespace == systemNamespace && s.Name == managerAccount }
		if !slices.ContainsFunc(b.subjects, isManagers) {
			continue
		}
		if b.namespace == "" {
			var role rbacv1.ClusterRole
			if err := api.Get(t.Context(), client.ObjectKey{Name: b.role.Name}, &role); err != nil {
				t.Fatal(err)
			}
			everywhere = append(everywhere, role.Rules...)
			continue
		}
		if b.role.Kind != "Role" {
			t.Errorf("binding %s in namespace %s is of a %s", b.name, b.namespace, b.role.Kind)
			continue
		}
		var role rbacv1.Role
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: b.namespace, Name: b.role.Name}, &role); err != nil {
			t.Fatal(err)
		}
		within[b.namespace] = append(within[b.namespace], role.Rules...)
	}
	return everywhere, within
}

// namespacedResources are those that the API server has in namespaces, with their subresources.
func namespacedResources(t *testing.T) sets.Set[schema.GroupResource] {
	t.Helper()
	api, err := discovery.NewDiscoveryClientForConfig(cluster.plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, all, err := api.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	found := sets.New[schema.GroupResource]()
	for _, list := range all {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if resource.Namespaced {
				found.Insert(schema.GroupResource{Group: version.Group, Resource: resource.Name})
			}
		}
	}
	if !found.Has(schema.GroupResource{Group: spawnv1.GroupName, Resource: "bots/status"}) {
		t.Fatalf("the API server does not say that Bots are in namespaces, but %v", found)
	}
	return found
}
