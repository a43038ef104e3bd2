// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package localrun runs the pieces of open-spawn as child processes on this machine: the simulator with its agents, the
// gateway and the manager, beside a control plane that its caller starts. The demo and the benchmark are made of it.
//
// It promises that every listener is on loopback, that manager and gateway have no more rights than config/ gives them,
// and that no child outlives the program that started it, however that ends. It is for Unix.
package localrun
