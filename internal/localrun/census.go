// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// The routes that a Census tells apart from others of the same path.
const (
	// CreateRoute is the one call that must not be made twice for a bot.
	CreateRoute = "POST /v2/droplets"
	// DeleteRoute destroys one instance, by its id.
	DeleteRoute = "DELETE /v2/droplets/{id}"
	// InventoryRoute lists the whole fleet; how often depends on the time, not on the number of bots.
	InventoryRoute = "GET /v2/droplets by tag"
	// FindRoute looks for instances of one name.
	FindRoute = "GET /v2/droplets by name"
)

// Census is what the simulator knows about the fleet, from its birth on.
type Census struct {
	// Created are the instances that ever existed, Live those that still do.
	Created, Live int
	// Twice are the names that more than one instance bore.
	Twice []string
	// Calls counts the requests by route.
	Calls map[string]int
}

// Census asks the simulator, which sees what no lag hides.
func (s *Simulator) Census(ctx context.Context) (Census, error) {
	instances, err := s.Instances(ctx)
	if err != nil {
		return Census{}, err
	}
	journal, err := s.Journal(ctx)
	if err != nil {
		return Census{}, err
	}
	return takeCensus(instances, journal), nil
}

func takeCensus(instances []dosim.Instance, journal []dosim.Entry) Census {
	c := Census{Created: len(instances), Calls: map[string]int{}}
	names := map[string]int{}
	for _, instance := range instances {
		if instance.IsLive() {
			c.Live++
		}
		if names[instance.Name]++; names[instance.Name] == 2 {
			c.Twice = append(c.Twice, instance.Name)
		}
	}
	slices.Sort(c.Twice)
	for _, entry := range journal {
		c.Calls[routeOf(entry)]++
	}
	return c
}

func routeOf(entry dosim.Entry) string {
	route := entry.Method + " " + entry.Route
	switch {
	case entry.Route == "":
		return entry.Method + " " + entry.Path
	case route == "GET /v2/droplets" && strings.Contains(entry.Query, "tag_name="):
		return InventoryRoute
	case route == "GET /v2/droplets" && strings.Contains(entry.Query, "name="):
		return FindRoute
	}
	return route
}

// Check is nil when every bot was given exactly one instance and none is left, and otherwise says what is wrong.
func (c Census) Check(bots int) error {
	var wrong []error
	if c.Created != bots {
		wrong = append(wrong, fmt.Errorf("%d instances were created for %d bots", c.Created, bots))
	}
	if posts := c.Calls[CreateRoute]; posts != bots {
		wrong = append(wrong, fmt.Errorf("%s was called %d times for %d bots", CreateRoute, posts, bots))
	}
	if len(c.Twice) > 0 {
		wrong = append(wrong, fmt.Errorf("more than one instance was named: %s", strings.Join(c.Twice, ", ")))
	}
	if c.Live > 0 {
		wrong = append(wrong, fmt.Errorf("%d instances are left", c.Live))
	}
	return errors.Join(wrong...)
}
