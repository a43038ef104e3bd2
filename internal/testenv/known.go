// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"iter"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// known is what is looked at after every reconcile, decoded.
type known struct {
	bots     decoded[*spawnv1.BotList]
	accounts decoded[*spawnv1.AccountList]
}

// decoded is a list as it was after a number of writes.
type decoded[L client.ObjectList] struct {
	list   L
	writes int
	is     bool
}

// allBots are the Bots of all namespaces. They are shared: who wants to change one reads it.
func (e *Env) allBots() []spawnv1.Bot {
	e.t.Helper()
	return e.known.bots.read(e, "bots", &spawnv1.BotList{}).Items
}

// bots are the Bots of the test's own namespace, shared as those of all are.
func (e *Env) bots() iter.Seq[*spawnv1.Bot] {
	e.t.Helper()
	all := e.allBots()
	return func(yield func(*spawnv1.Bot) bool) {
		for i := range all {
			if all[i].Namespace == e.Namespace && !yield(&all[i]) {
				return
			}
		}
	}
}

// accounts are all Accounts, shared as Bots are.
func (e *Env) accounts() []spawnv1.Account {
	e.t.Helper()
	return e.known.accounts.read(e, "accounts", &spawnv1.AccountList{}).Items
}

// read is what is known of a kind, or else what the API server says, put into an empty list.
func (d *decoded[L]) read(e *Env, kind string, empty L) L {
	e.t.Helper()
	writes, atRest := recalled.count(kind)
	if d.is && atRest && d.writes == writes {
		return d.list
	}
	e.must(e.Client.List(e.t.Context(), empty), "listing %s", kind)
	after, atRest := recalled.count(kind)
	*d = decoded[L]{list: empty, writes: writes, is: atRest && after == writes}
	return empty
}
