// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// unstructuredBot is a Bot as a manifest has it, without what Go's zero values would add.
func unstructuredBot(account, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": spawnv1.GroupVersion.String(), "kind": "Bot",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec": map[string]any{
			"accountRef": map[string]any{"name": account},
			"persona":    string(spawnv1.PersonaBeginner),
			"llm": map[string]any{
				"provider": "anthropic", "model": "claude-sonnet-4-5",
				"apiKeySecretRef": map[string]any{"name": "model", "key": "key"},
			},
		},
	}}
}

func setLimit(t *testing.T, account string, limit int) {
	t.Helper()
	object := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: account}}
	patch := fmt.Appendf(nil, `{"spec":{"maxBots":%d}}`, limit)
	if err := shared.api.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Error(err)
	}
}
