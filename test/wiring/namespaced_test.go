// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
)

// What the manager was refused is in the audit log.
func TestAManagerOfSomeNamespacesWorksThereAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	north, south, foreign := w.newTenant(t).withAccount(t), w.newTenant(t).withAccount(t), w.newTenant(t).withAccount(t)
	isGrantedOnly(t, north.namespace, south.namespace)
	manager := w.startAsked(t, "--leader-elect", "--watch-namespaces="+north.namespace+","+south.namespace,
		"--inventory-interval=1s", "--orphan-policy=Report", "--orphan-min-age=1s", "--orphan-sightings=1")
	foreign.isWarned(t, "stranger")
	north.apply(t, "boreal")
	south.apply(t, "austral")
	north.becomeReady(t, "boreal")
	south.becomeReady(t, "austral")
	w.hasAnEventTwice(t)
	for namespace, about := range map[string]string{
		metav1.NamespaceDefault: north.account, localrun.SystemNamespace: fleet.RecordName, south.namespace: "austral",
	} {
		hasEventAbout(t, namespace, about)
	}
	north.setAccountState(t, spawnv1.AccountSuspended)
	north.says(t, "boreal", spawnv1.ReadyCondition, spawnv1.AccountSuspendedReason)
	foreign.isUntouched(t, "stranger")

	kubectl(t, "delete", "--timeout=60s", "-n", foreign.namespace, "bot", "stranger")
	for _, c := range []*tenant{north, south, foreign} {
		kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", "--all")
		kubectl(t, "delete", "--timeout=60s", "account", c.account)
		if left, err := c.objects(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("deleting left %v (%v)", left, err)
		}
	}
	for _, name := range []string{"boreal-", "austral-", "stranger-"} {
		if live := w.cloud.Live(name); len(live) > 0 {
			t.Errorf("of %s these live: %v", name, live)
		}
	}
	manager.signal(t, syscall.SIGTERM)
	if code := manager.ends(t); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
	if err := refusals(shared.plane.AuditLogPath()); err != nil {
		t.Error(err)
	}
}

// It would wait for its caches, and work nowhere.
func TestAManagerThatHasNoRightsInANamespaceNamesIt(t *testing.T) {
	w := newWorld(t)
	kubeconfig, err := shared.plane.KubeconfigFor("nobody") // a refusal to the manager itself would fail this package
	if err != nil {
		t.Fatal(err)
	}
	c := w.launch(t, nil, append(w.flags(), "--kubeconfig="+kubeconfig, "--watch-namespaces=forgotten")...)
	code, said := c.ends(t), readLog(t, c.log)
	const want = `manager: --watch-namespaces: the manager has no rights in namespace "forgotten"`
	if code != 1 || !strings.Contains(said, want) {
		t.Errorf("exit code %d and\n%s\nwant 1 and %s", code, said, want)
	}
}

// isGrantedOnly gives the manager the rights of config/namespaced in these namespaces, in the place of config/rbac's,
// until the end of the test.
func isGrantedOnly(t *testing.T, namespaces ...string) {
	t.Helper()
	dir := t.TempDir()
	config, err := filepath.Abs(filepath.Join(repository, "config"))
	if err != nil {
		t.Fatal(err)
	}
	config, err = filepath.Rel(dir, config) // kustomize takes no absolute paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, args := range [][]string{
			{"apply", "--server-side", "-k", filepath.Join(repository, "config", "rbac")},
			{"delete", "--ignore-not-found", "-k", filepath.Join(repository, "config", "namespaced", "events")},
		} {
			if _, err := shared.plane.Kubectl(ctx, args...); err != nil {
				t.Error(err)
			}
		}
		if may, err := mayListBots(ctx, metav1.NamespaceAll); err != nil || !may {
			t.Errorf("the manager has its rights back: %v (%v)", may, err)
		}
	})
	rights := []string{filepath.Join(config, "rbac"), filepath.Join(config, "namespaced", "events")}
	for _, namespace := range namespaces {
		kustomization(t, filepath.Join(dir, namespace), map[string]any{
			"namespace": namespace, "resources": []string{filepath.Join("..", config, "namespaced", "namespace")},
		})
		rights = append(rights, namespace)
	}
	narrow, err := os.ReadFile(filepath.Join(repository, "config", "namespaced", "cluster_role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	kustomization(t, dir, map[string]any{
		"resources": rights, "patches": []any{map[string]string{"patch": string(narrow)}},
	})
	kubectl(t, "apply", "--server-side", "-k", dir)
	eventually(t, "the manager has those rights and no others", soonEnough, func(ctx context.Context) error {
		for _, namespace := range append(namespaces, metav1.NamespaceAll) {
			may, err := mayListBots(ctx, namespace)
			if err != nil {
				return err
			}
			if want := namespace != metav1.NamespaceAll; may != want {
				return fmt.Errorf("it may list the Bots of %q: %v", namespace, may)
			}
		}
		return nil
	})
}

func kustomization(t *testing.T, dir string, content map[string]any) {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mayListBots(ctx context.Context, namespace string) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: localrun.ManagerUser,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "list", Group: spawnv1.GroupName, Resource: "bots",
		},
	}}
	err := shared.api.Create(ctx, review)
	return review.Status.Allowed, err
}

// isWarned creates a Bot where no manager looks after it.
func (c *tenant) isWarned(t *testing.T, name string) {
	t.Helper()
	var heard warnings
	config := shared.plane.Config()
	config.WarningHandler = &heard
	api, err := client.New(config, client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Create(t.Context(), c.newBot(name)); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("no manager looks after namespace %q; the bot gets no machine", c.namespace)
	if !slices.Contains(heard, want) {
		t.Errorf("warnings %q, want %q", heard, want)
	}
}

// warnings are what the API server accepted but did not like.
type warnings []string

// HandleWarningHeader records one warning.
func (w *warnings) HandleWarningHeader(_ int, _, text string) { *w = append(*w, text) }

// isUntouched checks that nobody has done anything about a Bot.
func (c *tenant) isUntouched(t *testing.T, name string) {
	t.Helper()
	bot := c.mustBot(t, name)
	if len(bot.Finalizers) > 0 || len(bot.Status.Conditions) > 0 || bot.Status.DropletName != "" {
		t.Errorf("bot %s has finalizers %v and status %+v", name, bot.Finalizers, bot.Status)
	}
	var droplets spawnv1.DropletList
	if err := shared.api.List(t.Context(), &droplets, client.InNamespace(c.namespace)); err != nil {
		t.Fatal(err)
	}
	if live := c.cloud.Live(name + "-"); len(droplets.Items) > 0 || len(live) > 0 {
		t.Errorf("bot %s has %d Droplets and instances %v", name, len(droplets.Items), live)
	}
	var account spawnv1.Account
	if err := shared.api.Get(t.Context(), client.ObjectKey{Name: c.account}, &account); err != nil {
		t.Fatal(err)
	}
	if len(account.Status.Slots) > 0 {
		t.Errorf("its account has given the slots %v", account.Status.Slots)
	}
}

// hasEventAbout waits until a namespace has an event about an object.
func hasEventAbout(t *testing.T, namespace, name string) {
	t.Helper()
	eventually(t, "namespace "+namespace+" has an event about "+name, soonEnough, func(ctx context.Context) error {
		var events eventsv1.EventList
		err := shared.api.List(ctx, &events, client.InNamespace(namespace))
		if err == nil && !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
			return e.Regarding.Name == name
		}) {
			err = fmt.Errorf("none of %d", len(events.Items))
		}
		return err
	})
}
