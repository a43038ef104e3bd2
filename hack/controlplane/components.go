// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

//go:build components

// Package components keeps the programs of the local control plane, and so all they are made of, in this module's
// go.mod. It is never built: a program cannot be imported, which the build tag hides from the compiler but not from
// `go mod tidy`. build.sh builds the programs themselves.
package components

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
