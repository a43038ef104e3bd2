// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package scope says which namespaces the manager may read: a list of everything is refused to one that is to look
// after some of them.
package scope

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Namespaces are the only ones that the manager looks after; none means all.
type Namespaces []string

// Has tells whether the namespace is one of them.
func (n Namespaces) Has(namespace string) bool { return len(n) == 0 || slices.Contains(n, namespace) }

// Lists are the namespaces to list, one by one.
func (n Namespaces) Lists() []string {
	if len(n) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return n
}
