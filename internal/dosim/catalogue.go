// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// catalogue is what can be bought. Its entries are replaced, never changed in place.
type catalogue struct {
	sizes       map[string]*wireSize
	sizeOrder   []string
	regions     map[string]*wireRegion
	regionOrder []string
	images      []*wireImage // public ones
}

// offer is one row of the price list. Prices are those that peers recorded in 2026; a client reads them live.
type offer struct {
	slug                string
	memory, vcpus, disk int
	transfer            float64
	monthly, hourly     float64
	description         string
	regions             []string // nil means all
	gpu                 *wireGPU
}

func offers() []offer {
	h100 := &wireGPU{Count: 1, Model: "nvidia_h100", VRAM: wireAmount{Amount: 80, Unit: "gib"}}
	few := []string{"nyc1", "nyc3", "ams3", "fra1", "sfo3", "sgp1"}
	return []offer{
		{"s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4, 0.00595, "Basic", few, nil},
		{"s-1vcpu-1gb", 1024, 1, 25, 1, 6, 0.00893, "Basic", nil, nil},
		{"s-1vcpu-2gb", 2048, 1, 50, 2, 12, 0.01786, "Basic", nil, nil},
		{"s-2vcpu-2gb", 2048, 2, 60, 3, 18, 0.02679, "Basic", nil, nil},
		{"s-2vcpu-4gb", 4096, 2, 80, 4, 24, 0.03571, "Basic", nil, nil},
		{"s-4vcpu-8gb", 8192, 4, 160, 5, 48, 0.07143, "Basic", nil, nil},
		{"s-8vcpu-16gb", 16384, 8, 320, 6, 96, 0.14286, "Basic", nil, nil},
		{"c-2", 4096, 2, 25, 4, 42, 0.0625, "CPU-Optimized", few, nil},
		{"g-2vcpu-8gb", 8192, 2, 25, 4, 63, 0.09375, "General Purpose", few, nil},
		{"m-2vcpu-16gb", 16384, 2, 50, 4, 84, 0.125, "Memory-Optimized", few, nil},
		{"gpu-h100x1-80gb", 245760, 20, 720, 15, 4529.3, 6.74, "H100 GPU - 1X", []string{"nyc1", "tor1"}, h100},
	}
}

func newCatalogue() catalogue {
	c := catalogue{
		sizes: map[string]*wireSize{}, regions: map[string]*wireRegion{},
		regionOrder: []string{"nyc1", "nyc3", "ams3", "fra1", "sfo3", "lon1", "sgp1", "tor1", "blr1", "syd1"},
	}
	cities := map[string]string{
		"nyc": "New York", "ams": "Amsterdam", "fra": "Frankfurt", "sfo": "San Francisco", "lon": "London",
		"sgp": "Singapore", "tor": "Toronto", "blr": "Bangalore", "syd": "Sydney",
	}
	for _, slug := range c.regionOrder {
		c.regions[slug] = &wireRegion{
			Name: cities[slug[:3]] + " " + slug[3:], Slug: slug, Available: true, Sizes: []string{},
			Features: []string{"backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"},
		}
	}
	for _, o := range offers() {
		c.sizeOrder = append(c.sizeOrder, o.slug)
		c.sizes[o.slug] = &wireSize{
			Slug: o.slug, Memory: o.memory, VCPUs: o.vcpus, Disk: o.disk, Transfer: o.transfer, Available: true,
			PriceMonthly: o.monthly, PriceHourly: o.hourly, Description: o.description, GPUInfo: o.gpu,
			DiskInfo: []wireDisk{{Type: "local", Size: wireAmount{Amount: o.disk, Unit: "gib"}}}, Regions: []string{},
		}
		for _, region := range c.regionOrder {
			c.offer(o.slug, region, o.regions == nil || slices.Contains(o.regions, region))
		}
	}
	c.images = publicImages(c.regionOrder)
	return c
}

func publicImages(regions []string) []*wireImage {
	var images []*wireImage
	add := func(id int64, slug, distribution, name string) {
		images = append(images, &wireImage{
			ID: id, Name: name, Type: "base", Distribution: distribution, Slug: &slug, Public: true, Regions: regions,
			CreatedAt: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), MinDiskSize: 10, SizeGigabytes: 0.62,
			Description: distribution + " " + name, Tags: []string{}, Status: "available",
		})
	}
	add(155133621, "ubuntu-24-04-x64", "Ubuntu", "24.04 (LTS) x64")
	add(129211873, "ubuntu-22-04-x64", "Ubuntu", "22.04 (LTS) x64")
	add(142853102, "debian-12-x64", "Debian", "12 x64")
	return images
}

// offer makes a size available in a region, or not, on both sides of the catalogue.
func (c *catalogue) offer(size, region string, available bool) {
	s, r := *c.sizes[size], *c.regions[region]
	s.Regions = with(s.Regions, region, available)
	r.Sizes = with(r.Sizes, size, available)
	c.sizes[size], c.regions[region] = &s, &r
}

// with gives a copy of the list in which the item is, or is not.
func with[T comparable](list []T, item T, in bool) []T {
	rest := slices.DeleteFunc(slices.Clone(list), func(other T) bool { return other == item })
	if in {
		rest = append(rest, item)
	}
	return rest
}

// placeIn chooses the region for a slug, a prefix such as nyc, or anywhere if it is empty: the first that has the size.
func (c *catalogue) placeIn(prefix string, size *wireSize) (region string, problem *reply) {
	known := false
	for _, slug := range c.regionOrder {
		if !strings.HasPrefix(slug, prefix) {
			continue
		}
		known = true
		if size.Available && slices.Contains(size.Regions, slug) {
			return slug, nil
		}
	}
	refusal := unprocessable("You specified an invalid region for Droplet creation.")
	if known {
		refusal = unprocessable("Size is not available in this region.")
	}
	return "", &refusal
}

// SetSizeAvailable says whether a region has room for a size. It panics on a slug that the catalogue does not know.
func (s *Server) SetSizeAvailable(size, region string, available bool) {
	if err := s.setSizeAvailable(size, region, available); err != nil {
		panic("dosim: " + err.Error())
	}
}

func (s *Server) setSizeAvailable(size, region string, available bool) error {
	defer s.enter()()
	if s.catalogue.sizes[size] == nil || s.catalogue.regions[region] == nil {
		return fmt.Errorf("unknown size %q or region %q", size, region)
	}
	s.catalogue.offer(size, region, available)
	return nil
}

func listSizes(c *call) reply {
	return page(c, "sizes", slices.Values(c.s.catalogue.sizeOrder), func(slug string) *wireSize {
		return c.s.catalogue.sizes[slug]
	})
}

func listRegions(c *call) reply {
	return page(c, "regions", slices.Values(c.s.catalogue.regionOrder), func(slug string) *wireRegion {
		return c.s.catalogue.regions[slug]
	})
}
