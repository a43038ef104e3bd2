// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

// render shows a droplet as it is now. The result shares only what is never changed in place.
func (s *Server) render(d *droplet) *wireDroplet {
	size := s.catalogue.sizes[d.size]
	return &wireDroplet{
		ID:          d.id,
		Name:        d.name,
		Memory:      size.Memory,
		VCPUs:       size.VCPUs,
		Disk:        d.disk,
		DiskInfo:    []wireDisk{{Type: "local", Size: wireAmount{Amount: d.disk, Unit: "gib"}}},
		Locked:      s.opts.LockBusy && d.pending != nil,
		Status:      d.status,
		CreatedAt:   instant(d.createdAt),
		Features:    d.features,
		BackupIDs:   []int64{},
		SnapshotIDs: d.snapshots,
		Image:       d.image,
		VolumeIDs:   []string{},
		Size:        size,
		SizeSlug:    d.size,
		Networks:    d.networks(),
		Region:      s.catalogue.regions[d.region],
		Tags:        d.tagNames(s.now),
		VPCUUID:     d.vpc,
		GPUInfo:     size.GPUInfo,
	}
}

func (s *Server) renderAction(a *action) *wireAction {
	shown := &wireAction{
		ID:           a.id,
		Status:       a.status,
		Type:         a.kind,
		StartedAt:    instant(a.startedAt),
		ResourceID:   a.droplet.id,
		ResourceType: "droplet",
		Region:       s.catalogue.regions[a.droplet.region],
		RegionSlug:   a.droplet.region,
	}
	if !a.completedAt.IsZero() {
		completedAt := instant(a.completedAt)
		shown.CompletedAt = &completedAt
	}
	return shown
}

// networks are empty until the droplet was active for the first time.
func (d *droplet) networks() wireNetworks {
	n := wireNetworks{V4: []wireV4{}, V6: []wireV6{}}
	if d.status == statusNew {
		return n
	}
	a := d.address
	n.V4 = append(n.V4, wireV4{
		IPAddress: a.private, Netmask: "255.255.0.0", Gateway: "nil", Type: "private", // the contract's own word
	})
	if a.public != "" {
		n.V4 = append(n.V4, wireV4{
			IPAddress: a.public, Netmask: "255.255.255.0", Gateway: a.gateway, Type: "public",
		})
	}
	if a.v6 != "" {
		n.V6 = append(n.V6, wireV6{IPAddress: a.v6, Netmask: 64, Gateway: "2001:db8::1", Type: "public"})
	}
	return n
}
