// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalocean/godo"
)

// perPage is the most that the API gives at once: a fleet costs a call for every 200 instances.
const perPage = 200

// page is one page of a list.
type page[T any] struct {
	items []T
	// total is how many the whole list has, as told with this page.
	total int
	// last tells that the API names no next page.
	last bool
}

// maxExpected bounds what is allocated on the word of the first page.
const maxExpected = 100_000

// walk reads every page of a list, once. The API pages by offset and without a snapshot: what is destroyed between two
// pages moves another item across the border unseen, what is created shows one twice. So the list counts as complete
// only if each page answered and told the same total, no id came twice, and there are as many as were told. One death
// and one birth during a pass can still cancel out and hide a third instance, which is why absence is never proof.
func walk[T any, K comparable](op string, fetch func(number int) (page[T], error), id func(T) K) ([]T, error) {
	var all []T
	seen := map[K]struct{}{}
	for number, total := 1, 0; ; number++ {
		p, err := fetch(number)
		if err != nil {
			return nil, err
		}
		if number == 1 {
			total = p.total
			all = make([]T, 0, min(max(total, len(p.items)), maxExpected))
		}
		if p.total != total {
			return nil, incomplete(op, fmt.Sprintf("the total went from %d to %d between pages", total, p.total))
		}
		if twice, ok := enter(seen, p.items, id); !ok {
			return nil, incomplete(op, fmt.Sprintf("%v came twice", twice))
		}
		all = append(all, p.items...)
		switch {
		case p.last && len(all) == total:
			return all, nil
		case p.last, len(p.items) == 0, len(all) > total: // or a peer that names a next page for ever
			return nil, incomplete(op, fmt.Sprintf("%d of %d came", len(all), total))
		}
	}
}

// enter notes the ids of a page, and gives the first that was there before.
func enter[T any, K comparable](seen map[K]struct{}, items []T, id func(T) K) (twice K, ok bool) {
	for _, item := range items {
		key := id(item)
		if _, known := seen[key]; known {
			return key, false
		}
		seen[key] = struct{}{}
	}
	return twice, true
}

// lister is who reads a list, and what that is called.
type lister struct {
	*Client
	op string
}

// readAll reads all pages of one list, each request under its own deadline and all under a common one, and gives every
// item in our words. A page that does not tell the total cannot be part of a proof.
func readAll[T, G any, K comparable](
	ctx context.Context, by lister,
	read func(context.Context, *godo.ListOptions) ([]G, *godo.Response, error),
	translate func(*G) (T, error), id func(T) K,
) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeouts*by.timeout)
	defer cancel()
	return walk(by.op, func(number int) (page[T], error) {
		var p page[T]
		err := by.call(ctx, by.op, by.timeout, func(ctx context.Context) (*godo.Response, error) {
			found, response, err := read(ctx, &godo.ListOptions{Page: number, PerPage: perPage})
			if err != nil {
				return response, err
			}
			if response.Meta == nil {
				return response, errors.New("a list that does not tell its total")
			}
			p = page[T]{total: response.Meta.Total, last: response.Links == nil || response.Links.IsLastPage()}
			p.items = make([]T, len(found))
			for i := range found {
				if p.items[i], err = translate(&found[i]); err != nil {
					return response, err
				}
			}
			return response, nil
		})
		return p, err
	}, id)
}
