// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"iter"
	"net/url"
	"strconv"
)

const (
	defaultPerPage = 20
	maxPerPage     = 200
)

// page answers with one page of a list: its items under key, links to the neighbours that exist, and the total. The
// page is cut from what is there now, so a list that changes between two pages shows an item twice, or not at all.
func page[T, W any](c *call, key string, items iter.Seq[T], show func(T) W) reply {
	number, perPage, problem := c.paging()
	if problem != nil {
		return *problem
	}
	first := (number - 1) * perPage
	shown := make([]W, 0, perPage)
	total := 0
	for item := range items {
		if total >= first && total < first+perPage {
			shown = append(shown, show(item))
		}
		total++
	}
	return ok(map[string]any{
		key:     shown,
		"links": c.pageLinks(number, (total+perPage-1)/perPage),
		"meta":  map[string]int{"total": total},
	})
}

func (c *call) paging() (number, perPage int, problem *reply) {
	number, okNumber := c.number("page", 1)
	perPage, okPerPage := c.number("per_page", defaultPerPage)
	if !okNumber || !okPerPage || number < 1 || perPage < 1 || perPage > maxPerPage {
		refusal := unprocessable("page must be at least 1, and per_page between 1 and 200.")
		return 0, 0, &refusal
	}
	return number, perPage, nil
}

func (c *call) number(name string, unset int) (int, bool) {
	text := c.query.Get(name)
	if text == "" {
		return unset, true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int(n), err == nil
}

// pageLinks gives only the links that make sense: an only page has none.
func (c *call) pageLinks(number, last int) map[string]any {
	pages := map[string]string{}
	if number > 1 && last > 0 {
		pages["first"] = c.pageURL(1)
		pages["prev"] = c.pageURL(min(number-1, last))
	}
	if number < last {
		pages["next"] = c.pageURL(number + 1)
		pages["last"] = c.pageURL(last)
	}
	if len(pages) == 0 {
		return map[string]any{}
	}
	return map[string]any{"pages": pages}
}

func (c *call) pageURL(number int) string {
	query := url.Values{}
	for name, values := range c.query {
		query[name] = values
	}
	query.Set("page", strconv.Itoa(number))
	return c.origin + c.entry.Path + "?" + query.Encode()
}
