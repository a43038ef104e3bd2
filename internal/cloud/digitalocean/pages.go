// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import "fmt"

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
func walk[T any](op string, fetch func(number int) (page[T], error), id func(T) int64) ([]T, error) {
	var all []T
	seen := map[int64]struct{}{}
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
			return nil, incomplete(op, fmt.Sprintf("id %d came twice", twice))
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
func enter[T any](seen map[int64]struct{}, items []T, id func(T) int64) (twice int64, ok bool) {
	for _, item := range items {
		key := id(item)
		if _, known := seen[key]; known {
			return key, false
		}
		seen[key] = struct{}{}
	}
	return 0, true
}
