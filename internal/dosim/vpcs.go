// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"net/netip"
	"regexp"
	"slices"
	"time"
)

var vpcName = regexp.MustCompile(`^[a-zA-Z0-9\-.]+$`)

// vpc is a private network.
type vpc struct {
	id, name, description, region string
	prefix                        netip.Prefix
	isDefault                     bool
	createdAt                     time.Time
}

type wireVPC struct {
	ID          string    `json:"id"`
	URN         string    `json:"urn"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Region      string    `json:"region"`
	IPRange     string    `json:"ip_range"`
	Default     bool      `json:"default"`
	CreatedAt   time.Time `json:"created_at"`
}

func listVPCs(c *call) reply { return page(c, "vpcs", slices.Values(c.account.vpcs), showVPC) }

func createVPC(c *call) reply {
	var request struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Region      string `json:"region"`
		IPRange     string `json:"ip_range"`
	}
	if problem := c.decode(&request); problem != nil {
		return *problem
	}
	if !vpcName.MatchString(request.Name) || c.s.catalogue.regions[request.Region] == nil {
		return unprocessable("A VPC needs a valid name and region.")
	}
	if slices.ContainsFunc(c.account.vpcs, func(v *vpc) bool { return v.name == request.Name }) {
		return unprocessable("This VPC name is already in use.")
	}
	prefix := c.account.nextPrefix()
	if request.IPRange != "" {
		var err error
		if prefix, err = netip.ParsePrefix(request.IPRange); err != nil || prefix.Bits() < 16 || prefix.Bits() > 28 {
			return unprocessable("The IP range must be of a size between /28 and /16.")
		}
	}
	v := &vpc{
		id: c.s.ids.uuid(), name: request.Name, description: request.Description, region: request.Region,
		prefix: prefix, createdAt: c.s.now,
	}
	c.account.vpcs = append(c.account.vpcs, v)
	return created(map[string]any{"vpc": showVPC(v)})
}

func getVPC(c *call) reply {
	v, found := c.account.vpc(c.vars("vpc"))
	if !found {
		return notFound()
	}
	return ok(map[string]any{"vpc": showVPC(v)})
}

// deleteVPC refuses while a droplet is in the network, and always for a region's default.
func deleteVPC(c *call) reply {
	v, found := c.account.vpc(c.vars("vpc"))
	if !found {
		return notFound()
	}
	if v.isDefault || slices.ContainsFunc(c.account.droplets, func(d *droplet) bool { return d.vpc == v.id }) {
		return refuse(403, "forbidden", "Can not delete VPC with members")
	}
	c.account.vpcs = slices.DeleteFunc(c.account.vpcs, func(other *vpc) bool { return other == v })
	return noContent()
}

func (a *account) vpc(id string) (*vpc, bool) {
	for _, v := range a.vpcs {
		if v.id == id {
			return v, true
		}
	}
	return nil, false
}

// defaultVPC is the region's default network, which comes into being with the first droplet.
func (a *account) defaultVPC(s *Server, region string) *vpc {
	for _, v := range a.vpcs {
		if v.isDefault && v.region == region {
			return v
		}
	}
	v := &vpc{
		id: s.ids.uuid(), name: "default-" + region, region: region,
		prefix: a.nextPrefix(), isDefault: true, createdAt: s.now,
	}
	a.vpcs = append(a.vpcs, v)
	return v
}

// nextPrefix is a private network that is large enough for the 10,000 members that a VPC may have.
func (a *account) nextPrefix() netip.Prefix {
	n := len(a.vpcs)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(100 + n%100), 0, 0}), 16)
}

func showVPC(v *vpc) *wireVPC {
	return &wireVPC{
		ID: v.id, URN: "do:vpc:" + v.id, Name: v.name, Description: v.description, Region: v.region,
		IPRange: v.prefix.String(), Default: v.isDefault, CreatedAt: instant(v.createdAt),
	}
}
