// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// accessLabel is what a Secret that a Bot names must bear.
const accessLabel = spawnv1.GroupName + "/bot-access"

func TestSamplesAreAcceptedIdempotentAndLeaveNothing(t *testing.T) {
	withCRDs(t)
	apply(t)
	before := contents(t)
	apply(t)
	if diff := cmp.Diff(before, contents(t)); diff != "" {
		t.Errorf("applying the samples again changed them (-first +second):\n%s", diff)
	}
	// The first write to one of our objects also stores its status, which until then is but the schema's default; the
	// manager makes that write, or the second apply did. From here on not even a resourceVersion moves.
	versions := column(t, samplesDir, ".metadata.resourceVersion")
	apply(t)
	if diff := cmp.Diff(versions, column(t, samplesDir, ".metadata.resourceVersion")); diff != "" {
		t.Errorf("applying the samples again changed resourceVersions (-second +third):\n%s", diff)
	}

	deleteSamples(t)
	if left := kubectl(t, "get", "--ignore-not-found", "-o", "name", "-k", samplesDir); left != "" {
		t.Errorf("deleting the samples left:\n%s", left)
	}
	if left := kubectl(t, "get", "accounts,bots,droplets", "-A", "-o", "name"); left != "" {
		t.Errorf("deleting the samples left objects of our kinds:\n%s", left)
	}
}

// What one sample refers to is in another, and fits it. No schema sees that.
func TestSamplesAgreeWithEachOther(t *testing.T) {
	withCRDs(t)
	apply(t)
	t.Cleanup(func() { deleteSamples(t) })
	api, _ := admin(t)
	bots := &spawnv1.BotList{}
	if err := api.List(t.Context(), bots); err != nil {
		t.Fatal(err)
	}
	var names []string
	used := map[string]int32{}
	for i := range bots.Items {
		bot := &bots.Items[i]
		names = append(names, bot.Namespace+"/"+bot.Name)
		used[bot.Spec.AccountRef.Name]++
		t.Run(bot.Name, func(t *testing.T) {
			account := &spawnv1.Account{}
			if err := api.Get(t.Context(), client.ObjectKey{Name: bot.Spec.AccountRef.Name}, account); err != nil {
				t.Fatal(err)
			}
			fitsAccount(t, bot, account)
			if used[account.Name] > account.Limit() {
				t.Errorf("account %s allows %d bots and has %d", account.Name, account.Limit(), used[account.Name])
			}
			findsItsSecrets(t, api, bot)
			findsItsWorkspace(t, api, bot)
		})
	}
	want := []string{"team-acme/hawk", "team-acme/scout", "team-globex/drifter", "team-globex/quant"}
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("the samples have bots %q, want %q", names, want)
	}
}

func fitsAccount(t *testing.T, bot *spawnv1.Bot, account *spawnv1.Account) {
	t.Helper()
	if !slices.Contains(account.Spec.Namespaces, bot.Namespace) {
		t.Errorf("account %s does not list namespace %s", account.Name, bot.Namespace)
	}
	if bot.Spec.Trading.Mode != spawnv1.TradingPaper {
		t.Errorf("a sample trades in mode %s", bot.Spec.Trading.Mode)
	}
	policy, machine := account.Spec.MachinePolicy, bot.Spec.Machine
	if list := policy.AllowedRegions; len(list) > 0 && !slices.Contains(list, machine.Region) {
		t.Errorf("region %s is not among %q of account %s", machine.Region, list, account.Name)
	}
	if list := policy.AllowedSizes; len(list) > 0 && !slices.Contains(list, machine.Size) {
		t.Errorf("size %s is not among %q of account %s", machine.Size, list, account.Name)
	}
	if bot.Spec.LLM.BaseURL == "" {
		return
	}
	endpoint, err := url.Parse(bot.Spec.LLM.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	if list := account.Spec.LLMPolicy.AllowedHosts; !slices.Contains(list, endpoint.Hostname()) {
		t.Errorf("host %s is not among %q of account %s", endpoint.Hostname(), list, account.Name)
	}
}

func findsItsSecrets(t *testing.T, api client.Client, bot *spawnv1.Bot) {
	t.Helper()
	refs := []spawnv1.SecretKeyReference{bot.Spec.LLM.APIKeySecretRef}
	for _, credential := range bot.Spec.Credentials {
		refs = append(refs, credential.SecretRef)
	}
	for _, channel := range bot.Spec.Channels {
		refs = append(refs, channel.TokenSecretRef)
	}
	for _, ref := range refs {
		secret := &corev1.Secret{}
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: bot.Namespace, Name: ref.Name}, secret); err != nil {
			t.Error(err)
			continue
		}
		if secret.Type != corev1.SecretTypeOpaque || secret.Labels[accessLabel] != "true" {
			t.Errorf("Secret %s has type %s and labels %v: no Bot may use it", ref.Name, secret.Type, secret.Labels)
		}
		// A key that looks real would be reported by every scanner, and be used by somebody.
		if value, ok := secret.Data[ref.Key]; !ok || string(value) != "replace-me" {
			t.Errorf("key %s of Secret %s is %q, want replace-me", ref.Key, ref.Name, value)
		}
	}
}

func findsItsWorkspace(t *testing.T, api client.Client, bot *spawnv1.Bot) {
	t.Helper()
	ref := bot.Spec.OpenClaw.WorkspaceConfigMapRef
	if ref == nil {
		return
	}
	files := &corev1.ConfigMap{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: bot.Namespace, Name: ref.Name}, files); err != nil {
		t.Fatal(err)
	}
	if len(files.Data) == 0 {
		t.Errorf("ConfigMap %s has no files", ref.Name)
	}
}

func apply(t *testing.T) {
	t.Helper()
	withoutWebhooks(t)
	kubectl(t, "apply", "--server-side", "-k", samplesDir)
}

// deleteSamples deletes as the comment in config/samples says, and returns when everything is gone. A test's context is
// done when its cleanup runs.
func deleteSamples(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	_, err := cluster.plane.Kubectl(ctx, "delete", "--ignore-not-found", waitTimeout, "-k", samplesDir)
	if err != nil {
		t.Error(err)
	}
}

// contents is all there is to the samples except resourceVersions.
func contents(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	objects := &unstructured.UnstructuredList{}
	shown := kubectl(t, "get", "--show-managed-fields", "-o", "json", "-k", samplesDir)
	if err := objects.UnmarshalJSON([]byte(shown)); err != nil {
		t.Fatal(err)
	}
	for i := range objects.Items {
		objects.Items[i].SetResourceVersion("")
	}
	return objects.Items
}

// column tells one value of each object of a kustomization, by kind, namespace and name.
func column(t *testing.T, dir, path string) map[string]string {
	t.Helper()
	template := "{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {" + path + "}{\"\\n\"}{end}"
	values := map[string]string{}
	for line := range strings.Lines(kubectl(t, "get", "-k", dir, "-o", "jsonpath="+template)) {
		object, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[object] = value
	}
	return values
}
