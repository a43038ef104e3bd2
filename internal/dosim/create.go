// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxUserData      = 64 << 10
	maxBatch         = 10
	maxNameLength    = 255
	invalidForCreate = "You specified an invalid %s for Droplet creation."
)

// dropletName is the pattern that the contract gives for names: they become host names.
var dropletName = regexp.MustCompile(`^[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]$`)

// createRequest is the body of POST /v2/droplets.
type createRequest struct {
	Name             string     `json:"name"`
	Names            []string   `json:"names"`
	Region           string     `json:"region"`
	Size             string     `json:"size"`
	Image            slugOrID   `json:"image"`
	SSHKeys          []slugOrID `json:"ssh_keys"`
	Backups          bool       `json:"backups"`
	IPv6             bool       `json:"ipv6"`
	Monitoring       bool       `json:"monitoring"`
	Tags             []string   `json:"tags"`
	UserData         string     `json:"user_data"`
	Volumes          []string   `json:"volumes"`
	VPCUUID          string     `json:"vpc_uuid"`
	WithDropletAgent *bool      `json:"with_droplet_agent"`
	PublicNetworking *bool      `json:"public_networking"`
}

// placement is what a request has been found to mean.
type placement struct {
	size   *wireSize
	image  *wireImage
	region string
	vpc    *vpc
}

// createDroplets accepts one droplet by name, or up to ten by names. That says nothing about success: under
// FaultErrored the create action ends errored and the droplet is gone.
func createDroplets(c *call) reply {
	var request createRequest
	if problem := c.decode(&request); problem != nil {
		return *problem
	}
	names := request.Names
	if names == nil {
		names = []string{request.Name}
	}
	where, problem := c.place(&request, names)
	if problem != nil {
		return *problem
	}
	droplets := []*wireDroplet{}
	links := []wireLink{}
	for _, name := range names {
		d := c.s.build(c.account, &request, name, where)
		c.touch(d)
		boot := c.s.boot(c.account, d, c.dooms())
		droplets = append(droplets, c.s.render(d))
		links = append(links, wireLink{
			ID: boot.id, Rel: "create", Href: c.origin + "/v2/actions/" + strconv.FormatInt(boot.id, 10),
		})
	}
	body := map[string]any{"links": map[string]any{"actions": links}}
	if request.Names == nil {
		body["droplet"] = droplets[0]
	} else {
		body["droplets"] = droplets
	}
	return accepted(body)
}

// place finds out whether a request can be granted, all of it or nothing.
func (c *call) place(r *createRequest, names []string) (placement, *reply) {
	var where placement
	checks := []func() *reply{
		func() *reply { return checkNames(r, names) },
		func() *reply { return checkParts(r) },
		func() *reply { return c.checkKeys(r.SSHKeys) },
		func() *reply { return c.chooseSizeAndImage(r, &where) },
		func() *reply { return c.chooseNetwork(r.VPCUUID, &where) },
		func() *reply { return c.checkQuota(len(names)) },
	}
	for _, check := range checks {
		if problem := check(); problem != nil {
			return where, problem
		}
	}
	return where, nil
}

func checkNames(r *createRequest, names []string) *reply {
	if r.Name != "" && r.Names != nil {
		return invalid("name and names cannot both be given.")
	}
	if len(names) == 0 || len(names) > maxBatch {
		return invalid("names must hold between 1 and %d names.", maxBatch)
	}
	for _, name := range names {
		if problem := checkName(name); problem != nil {
			return problem
		}
	}
	return nil
}

func checkName(name string) *reply {
	if len(name) > maxNameLength || !dropletName.MatchString(name) {
		return invalid("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
	}
	return nil
}

func checkParts(r *createRequest) *reply {
	if len(r.UserData) > maxUserData {
		return invalid("User data is too long: the limit is 64 KiB.")
	}
	if len(r.Volumes) > 0 {
		return invalid("Volume %s could not be found.", r.Volumes[0])
	}
	for _, name := range r.Tags {
		if !validTag(name) {
			return invalid("Tag %q is not valid.", name)
		}
	}
	return nil
}

func (c *call) checkKeys(keys []slugOrID) *reply {
	for _, key := range keys {
		if _, found := c.account.key(string(key)); !found {
			return invalid("%s are invalid key identifiers for Droplet creation.", key)
		}
	}
	return nil
}

func (c *call) chooseSizeAndImage(r *createRequest, where *placement) (problem *reply) {
	var found bool
	if where.size, found = c.s.catalogue.sizes[r.Size]; !found {
		return invalid(invalidForCreate, "size")
	}
	if where.image, found = c.s.image(c.account, string(r.Image)); !found {
		return invalid(invalidForCreate, "image")
	}
	if where.region, problem = c.s.catalogue.placeIn(r.Region, where.size); problem != nil {
		return problem
	}
	if !slices.Contains(where.image.Regions, where.region) {
		return invalid("The image is not available in the selected region.")
	}
	if where.size.Disk < where.image.MinDiskSize {
		return invalid("Size can not decrease size of Droplet's disk image")
	}
	return nil
}

func (c *call) chooseNetwork(uuid string, where *placement) *reply {
	if uuid == "" {
		where.vpc = c.account.defaultVPC(c.s, where.region)
		return nil
	}
	network, found := c.account.vpc(uuid)
	if !found || network.region != where.region {
		return invalid("VPC %s was not found in region %s.", uuid, where.region)
	}
	where.vpc = network
	return nil
}

func (c *call) checkQuota(more int) *reply {
	if c.account.live+more <= c.s.opts.DropletLimit {
		return nil
	}
	return invalid("creating this/these droplet(s) will exceed your droplet limit")
}

func invalid(format string, args ...any) *reply {
	refusal := unprocessable(fmt.Sprintf(format, args...))
	return &refusal
}

// build makes one droplet of a granted request. Its tags follow later.
func (s *Server) build(a *account, r *createRequest, name string, where placement) *droplet {
	d := &droplet{
		name: name, status: statusNew, size: where.size.Slug, region: where.region, image: where.image,
		disk: where.size.Disk, vpc: where.vpc.id, features: r.features(), userData: r.UserData,
		address: s.addresses.next(where.vpc.prefix), createdAt: s.now, snapshots: []int64{},
	}
	if r.PublicNetworking != nil && !*r.PublicNetworking {
		d.address.public, d.address.gateway = "", ""
	}
	if slices.Contains(d.features, "ipv6") {
		d.address.v6 = d.address.reserved
	}
	s.bear(a, d)
	for _, tag := range r.Tags {
		a.tag(d, tag, s.now.Add(s.opts.TagLag))
	}
	return d
}

func (r *createRequest) features() []string {
	features := []string{"private_networking"}
	public := r.PublicNetworking == nil || *r.PublicNetworking
	for feature, wanted := range map[string]bool{
		"backups": r.Backups, "ipv6": r.IPv6 && public, "monitoring": r.Monitoring,
		"droplet_agent": r.WithDropletAgent == nil || *r.WithDropletAgent,
	} {
		if wanted {
			features = append(features, feature)
		}
	}
	slices.SortFunc(features, strings.Compare)
	return features
}
