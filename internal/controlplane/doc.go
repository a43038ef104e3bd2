// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package controlplane starts a real Kubernetes control plane on this machine, for tests, the demo and benchmarks.
//
// It runs etcd and kube-apiserver through envtest, and kube-controller-manager on request, from the programs that
// `make controlplane` builds. It promises that every listener is on loopback, that Secrets are encrypted at rest as
// on a careful cluster, and that no process outlives Stop or, on Linux, the program that called Start. It is for Unix.
package controlplane
