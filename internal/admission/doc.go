// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package admission answers the API server's question whether a Bot or an Account may be written. It refuses early what
// the controllers would refuse later, takes the slot of a Bot that is about to be created, and warns of what will
// happen. Nothing depends on it for good: what it did not see is judged again by the controllers, and limits hold in
// the API server itself.
//
// A real request is judged strictly, a dry run mildly and without a write, and advice blocks nobody. Every replica of
// the manager answers, the leader or not.
package admission
