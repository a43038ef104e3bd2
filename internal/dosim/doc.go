// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package dosim is a simulator of the DigitalOcean API, written from the public contract and not from an SDK.
//
// It is unkind on purpose: lists and tags lag behind creation, names are not unique, an accepted droplet can fail to
// be placed, a DELETE can be ignored, actions exclude each other, limits and quotas bite, and scripted faults lose,
// cut, delay and mangle replies before or after the change was made. Every request is written to a journal and every
// instance that ever existed is remembered, so that a test can ask what became true rather than what was called.
//
// All time comes from the injected clock. What is due happens when somebody looks (see timeline), so that with a fake
// clock there is no goroutine to wait for, and two runs with the same requests give the same ids and addresses.
package dosim
