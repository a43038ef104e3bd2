// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const maxTagLength = 255

var tagName = regexp.MustCompile(`^[a-zA-Z0-9_\-:]+$`)

func validTag(name string) bool { return len(name) <= maxTagLength && tagName.MatchString(name) }

// wireTag is a tag as the API shows it.
type wireTag struct {
	Name      string       `json:"name"`
	Resources wireTagUsage `json:"resources"`
}

type wireTagUsage struct {
	Count           int          `json:"count"`
	LastTaggedURI   string       `json:"last_tagged_uri,omitempty"`
	Droplets        wireTagCount `json:"droplets"`
	Images          wireTagCount `json:"images"`
	Volumes         wireTagCount `json:"volumes"`
	VolumeSnapshots wireTagCount `json:"volume_snapshots"`
	Databases       wireTagCount `json:"databases"`
}

type wireTagCount struct {
	Count         int    `json:"count"`
	LastTaggedURI string `json:"last_tagged_uri,omitempty"`
}

// resourceList is the body that tags and untags in a batch.
type resourceList struct {
	Resources []struct {
		ID   string `json:"resource_id"`
		Type string `json:"resource_type"`
	} `json:"resources"`
}

func listTags(c *call) reply {
	names := slices.Sorted(maps.Keys(c.account.tags))
	return page(c, "tags", slices.Values(names), func(name string) *wireTag { return c.showTag(c.account.tags[name]) })
}

// createTag makes a tag, or answers with the one that differs at most in its capitals.
func createTag(c *call) reply {
	var request struct {
		Name string `json:"name"`
	}
	if problem := c.decode(&request); problem != nil {
		return *problem
	}
	if !validTag(request.Name) {
		return badTag("invalid tag name")
	}
	return created(map[string]any{"tag": c.showTag(c.account.ensureTag(request.Name))})
}

func getTag(c *call) reply {
	t, found := c.tag()
	if !found {
		return notFound()
	}
	return ok(map[string]any{"tag": c.showTag(t)})
}

func deleteTag(c *call) reply {
	t, found := c.tag()
	if !found {
		return notFound()
	}
	for _, g := range slices.Clone(t.members) {
		g.droplet.untag(t)
	}
	for _, id := range t.images {
		c.account.tagImage(t, id, false)
	}
	delete(c.account.tags, strings.ToLower(t.name))
	for _, f := range c.account.firewalls {
		f.Tags = with(f.Tags, t.name, false)
	}
	return noContent()
}

// tagResources tags all of the resources or, when one of them cannot be found, none.
func tagResources(c *call) reply { return c.retag(true) }

// untagResources untags all of the resources or, when one of them cannot be found, none.
func untagResources(c *call) reply { return c.retag(false) }

func (c *call) retag(in bool) reply {
	t, found := c.tag()
	if !found {
		return notFound()
	}
	var list resourceList
	if problem := c.decode(&list); problem != nil {
		return *problem
	}
	if len(list.Resources) == 0 {
		return unprocessable("resources must not be empty.")
	}
	var changes []func()
	for _, resource := range list.Resources {
		id, _ := strconv.ParseInt(resource.ID, 10, 64) // 0 when it is not a number, and nothing has that id
		change, found := c.change(t, resource.Type, id, in)
		if !found {
			return notFound()
		}
		changes = append(changes, change)
	}
	for _, change := range changes {
		change()
	}
	return noContent()
}

func (c *call) change(t *tag, kind string, id int64, in bool) (change func(), found bool) {
	a := c.account
	switch d, exists := a.byID[id]; {
	case kind == "droplet" && exists && in:
		c.touch(d)
		return func() { a.tag(d, t.name, c.s.now.Add(c.s.opts.TagLag)) }, true
	case kind == "droplet" && exists:
		c.touch(d)
		return func() { d.untag(t) }, true
	case kind == "image" && slices.ContainsFunc(a.images, func(i *wireImage) bool { return i.ID == id }):
		return func() { a.tagImage(t, id, in) }, true
	}
	return nil, false
}

func (a *account) tagImage(t *tag, id int64, in bool) {
	t.images = with(t.images, id, in)
	a.replaceImage(id, func(i *wireImage) { i.Tags = with(i.Tags, t.name, in) })
}

func (c *call) tag() (*tag, bool) {
	t, found := c.account.tags[strings.ToLower(c.vars("tag"))]
	return t, found
}

func (c *call) showTag(t *tag) *wireTag {
	shown := &wireTag{Name: t.name}
	if n := len(t.members); n > 0 {
		last := t.members[n-1].droplet.id
		shown.Resources.Droplets = wireTagCount{
			Count: n, LastTaggedURI: c.origin + "/v2/droplets/" + strconv.FormatInt(last, 10),
		}
		shown.Resources.LastTaggedURI = shown.Resources.Droplets.LastTaggedURI
	}
	if n := len(t.images); n > 0 {
		shown.Resources.Images = wireTagCount{
			Count: n, LastTaggedURI: c.origin + "/v2/images/" + strconv.FormatInt(t.images[n-1], 10),
		}
	}
	shown.Resources.Count = len(t.members) + len(t.images)
	return shown
}
