// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package client speaks protocol version 1 to gateways. It has a list of them and asks one after the other until one
// answers; an answer is final, also when it is a refusal. Nothing is repeated here: whoever calls knows how long to
// wait before it does so, with a Backoff.
package client
