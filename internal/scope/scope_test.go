// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package scope_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cedros-io/open-spawn/internal/scope"
)

func TestNoNamespacesAreAll(t *testing.T) {
	for name, test := range map[string]struct {
		namespaces scope.Namespaces
		has        bool
		lists      []string
	}{
		"all":    {nil, true, []string{metav1.NamespaceAll}},
		"it":     {scope.Namespaces{"other", "tenant"}, true, []string{"other", "tenant"}},
		"others": {scope.Namespaces{"tenant-2"}, false, []string{"tenant-2"}},
	} {
		if got := test.namespaces.Has("tenant"); got != test.has {
			t.Errorf("%s: has tenant: %v, want %v", name, got, test.has)
		}
		if got := test.namespaces.Lists(); !slices.Equal(got, test.lists) {
			t.Errorf("%s: lists %q, want %q", name, got, test.lists)
		}
	}
}
