// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	gitops = "gitops"
	// waveAnnotation is Argo CD's: what has the lower number is applied before the rest.
	waveAnnotation = "argocd.argoproj.io/sync-wave"
)

func TestFluxAppliesAnAccountWithItsBots(t *testing.T) {
	const team = "flux-new"
	api, warned := warnedClient(t)
	set := []*unstructured.Unstructured{
		botManifest(team, team, "b"), botManifest(team, team, "a"), accountManifest(team, team), namespaceManifest(team),
	}
	removedAfter(t, set)
	flux := fluxWith(api)
	// Everything is dry-run while there is no Account. Then it is applied, and nobody has initialized the Account.
	staged(t, flux, set, ssa.CreatedAction, "Account/flux-new", "Bot/flux-new/a", "Bot/flux-new/b")
	for _, said := range []string{`there is no account "flux-new"`, `account "flux-new" is new`} {
		if !warned.of(said) {
			t.Errorf("nobody was warned of %q", said)
		}
	}
	// A Bot that was let in early has no slot: the controllers give it one, in its turn.
	if now := accountNow(t, team); len(now.Status.Slots) > 0 {
		t.Errorf("an account that is not initialized has slots: %v", now.Status.Slots)
	}
	staged(t, flux, set, ssa.UnchangedAction, "Account/flux-new", "Bot/flux-new/a", "Bot/flux-new/b")
}

func TestFluxAddsANamespaceWithABotInIt(t *testing.T) {
	const team, other = "flux-edit", "flux-edit-more"
	api, warned := warnedClient(t)
	flux := fluxWith(api)
	before := []*unstructured.Unstructured{namespaceManifest(team), accountManifest(team, team)}
	staged(t, flux, before, ssa.CreatedAction, "Account/flux-edit")
	set := []*unstructured.Unstructured{
		namespaceManifest(team), namespaceManifest(other), accountManifest(team, team, other),
		botManifest(team, team, "a"), botManifest(team, other, "b"),
	}
	removedAfter(t, set)
	if err := initialize(t.Context(), team); err != nil {
		t.Fatal(err)
	}
	staged(t, flux, set, ssa.CreatedAction, "Bot/flux-edit/a", "Bot/flux-edit-more/b")
	if !warned.of(other) {
		t.Errorf("the dry run did not warn that the account does not list %q yet", other)
	}
	first := accountNow(t, team)
	if len(first.Status.Slots) != 2 {
		t.Errorf("two bots have slots %v", first.Status.Slots)
	}
	staged(t, flux, set, ssa.UnchangedAction, "Account/flux-edit", "Bot/flux-edit/a", "Bot/flux-edit-more/b")
	if again := accountNow(t, team); again.ResourceVersion != first.ResourceVersion {
		t.Error("applying once more has changed the account")
	}
}

// What a set allows is not allowed yet when all of it is dry-run. A refusal then would be one for ever: Flux applies
// nothing of a set of which it could not dry-run everything.
func TestFluxRaisesALimitAndAllowsMoreWithBotsThatNeedIt(t *testing.T) {
	const team = "flux-raise"
	api, warned := warnedClient(t)
	flux := fluxWith(api)
	small := accountManifest(team, team)
	set(t, small, int64(1), "spec", "maxBots")
	first := []*unstructured.Unstructured{namespaceManifest(team), small}
	staged(t, flux, first, ssa.CreatedAction, "Account/flux-raise")
	if err := initialize(t.Context(), team); err != nil {
		t.Fatal(err)
	}
	staged(t, flux, append(first, botManifest(team, team, "a")), ssa.CreatedAction, "Bot/flux-raise/a")

	large, live := accountManifest(team, team), botManifest(team, team, "a")
	set(t, large, "Allowed", "spec", "liveTrading")
	set(t, live, "Live", "spec", "trading", "mode")
	for _, limit := range []string{"maxPositionSizeBps", "maxDailyLossBps", "maxDrawdownBps", "maxTradesPerDay"} {
		set(t, live, int64(1), "spec", "risk", limit)
	}
	second := []*unstructured.Unstructured{namespaceManifest(team), large, live, botManifest(team, team, "b")}
	removedAfter(t, second)
	staged(t, flux, second, ssa.ConfiguredAction, "Account/flux-raise", "Bot/flux-raise/a")
	for _, said := range []string{"would be refused", "allows 1 bot and has 1: a", "does not allow Live trading"} {
		if !warned.of(said) {
			t.Errorf("nobody was warned of %q", said)
		}
	}
	if now := accountNow(t, team); len(now.Status.Slots) != 2 {
		t.Errorf("two bots have slots %v", now.Status.Slots)
	}
}

// TestArgoAppliesAnAccountWithItsBots is of Argo CD with server-side apply. It orders kinds that it does not know by
// name alone, so that a Bot may come before its Account.
func TestArgoAppliesAnAccountWithItsBots(t *testing.T) {
	for _, account := range []string{"argo-a", "argo-z"} {
		t.Run(account, func(t *testing.T) {
			set := []*unstructured.Unstructured{
				accountManifest(account, namespace), botManifest(account, namespace, "argo-m"),
				botManifest(account, namespace, "argo-n"),
			}
			removedAfter(t, set)
			for range 2 {
				if refused := argoSync(t, set); len(refused) > 0 {
					t.Fatalf("refused: %v", refused)
				}
			}
			if now := accountNow(t, account); len(now.Status.Slots) > 0 {
				t.Errorf("an account that is not initialized has slots: %v", now.Status.Slots)
			}
		})
	}
}

func TestArgoAddsANamespaceWithABotInIt(t *testing.T) {
	for _, c := range []struct {
		name, account, wave string
		syncs               int
	}{
		{"the account is first by its name", "argo-edit-a", "", 1},
		{"the account is last by its name, and in an earlier wave", "argo-edit-y", "-1", 1},
		// Without a wave the Bot is judged by the Account that is there, and refused. Argo goes on with the Account, and
		// tries again as it is told to.
		{"the account is last by its name", "argo-edit-z", "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := c.account + "-more"
			before := []*unstructured.Unstructured{namespaceManifest(other), accountManifest(c.account, namespace)}
			if refused := argoSync(t, before); len(refused) > 0 {
				t.Fatal(refused)
			}
			if err := initialize(t.Context(), c.account); err != nil {
				t.Fatal(err)
			}
			account := accountManifest(c.account, namespace, other)
			if c.wave != "" {
				account.SetAnnotations(map[string]string{waveAnnotation: c.wave})
			}
			set := []*unstructured.Unstructured{namespaceManifest(other), account, botManifest(c.account, other, "argo-edit-m")}
			removedAfter(t, set)
			for range c.syncs - 1 {
				refused := argoSync(t, set)
				if err := refused["argo-edit-m"]; len(refused) != 1 || !apierrors.IsForbidden(err) ||
					!strings.Contains(err.Error(), other) {
					t.Fatalf("refused: %v, want the bot, and why", refused)
				}
				if now := accountNow(t, c.account); len(now.Status.Slots) > 0 {
					t.Fatalf("a bot that was refused has a slot: %v", now.Status.Slots)
				}
			}
			if refused := argoSync(t, set); len(refused) > 0 {
				t.Fatalf("refused: %v", refused)
			}
			if now := accountNow(t, c.account); len(now.Status.Slots) != 1 {
				t.Errorf("one bot has slots %v", now.Status.Slots)
			}
		})
	}
}

// fluxWith is what Flux's kustomize-controller applies with.
func fluxWith(api client.Client) *ssa.ResourceManager {
	poller := polling.NewStatusPoller(api, api.RESTMapper(), polling.Options{})
	return ssa.NewResourceManager(api, poller, ssa.Owner{Field: gitops, Group: "kustomize.toolkit.fluxcd.io"})
}

// staged applies a set as Flux does, and wants something to have happened to some of it.
func staged(
	t *testing.T, flux *ssa.ResourceManager, set []*unstructured.Unstructured, want ssa.Action, subjects ...string,
) {
	t.Helper()
	changes, err := flux.ApplyAllStaged(t.Context(), copies(set), ssa.DefaultApplyOptions())
	if err != nil {
		t.Fatalf("applying in stages: %v", err)
	}
	did := changes.ToMap()
	for _, subject := range subjects {
		if did[subject] != want {
			t.Errorf("%s was %s, want %s; all of it: %v", subject, did[subject], want, did)
		}
	}
}

// argoSync dry-runs everything on the server, and then applies one by one in Argo's order, going on after a refusal. It
// returns what was refused, by name.
func argoSync(t *testing.T, set []*unstructured.Unstructured) map[string]error {
	t.Helper()
	set = copies(set)
	slices.SortStableFunc(set, argoOrder)
	apply := func(manifest *unstructured.Unstructured, options ...client.ApplyOption) error {
		options = append(options, client.FieldOwner(gitops), client.ForceOwnership)
		return shared.api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(manifest.DeepCopy()), options...)
	}
	for _, manifest := range set {
		if err := apply(manifest, client.DryRunAll); err != nil {
			t.Fatalf("dry run of %s %s: %v", manifest.GetKind(), manifest.GetName(), err)
		}
	}
	refused := map[string]error{}
	for _, manifest := range set {
		if err := apply(manifest); err != nil {
			refused[manifest.GetName()] = err
		}
	}
	return refused
}

// argoOrder is by wave, then what is built in, then by name whatever the kind.
func argoOrder(a, b *unstructured.Unstructured) int {
	wave := func(manifest *unstructured.Unstructured) int {
		number, _ := strconv.Atoi(manifest.GetAnnotations()[waveAnnotation]) // none is 0
		return number
	}
	rank := func(manifest *unstructured.Unstructured) int {
		if manifest.GetKind() == "Namespace" { // of those built in, these sets have no other
			return -1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(wave(a), wave(b)), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.GetName(), b.GetName()))
}

// warnings are what the API server has warned of.
type warnings struct {
	mu   sync.Mutex
	said []string
}

var _ rest.WarningHandlerWithContext = (*warnings)(nil)

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

func (w *warnings) of(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.said, func(said string) bool { return strings.Contains(said, text) })
}

// warnedClient is a client that remembers warnings.
func warnedClient(t *testing.T) (client.Client, *warnings) {
	t.Helper()
	warned := &warnings{}
	config := rest.CopyConfig(shared.plane.Config())
	config.WarningHandlerWithContext = warned
	api, err := client.New(config, client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return api, warned
}

func accountManifest(name string, namespaces ...string) *unstructured.Unstructured {
	var listed []any
	for _, namespace := range namespaces {
		listed = append(listed, namespace)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": spawnv1.GroupVersion.String(), "kind": "Account", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"externalID": fmt.Sprint("id-", name), "tier": string(spawnv1.AccountTierPro), "namespaces": listed,
		},
	}}
}

func botManifest(account, namespace, name string) *unstructured.Unstructured {
	manifest := unstructuredBot(account, name)
	manifest.SetNamespace(namespace)
	return manifest
}

func set(t *testing.T, manifest *unstructured.Unstructured, value any, fields ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(manifest.Object, value, fields...); err != nil {
		t.Fatal(err)
	}
}

func namespaceManifest(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}
}

// copies are for those who change what they apply.
func copies(set []*unstructured.Unstructured) []*unstructured.Unstructured {
	var copied []*unstructured.Unstructured
	for _, manifest := range set {
		copied = append(copied, manifest.DeepCopy())
	}
	return copied
}

// removedAfter removes a set at the end, but no namespace: without a controller manager it would be Terminating for
// ever.
func removedAfter(t *testing.T, set []*unstructured.Unstructured) {
	t.Helper()
	t.Cleanup(func() {
		for _, manifest := range set {
			if manifest.GetKind() == "Namespace" {
				continue
			}
			err := shared.api.Delete(context.WithoutCancel(t.Context()), manifest.DeepCopy())
			if client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	})
}
