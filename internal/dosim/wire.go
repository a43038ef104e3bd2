// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import "time"

// wireDroplet is a droplet as the API shows it, with every field that the contract requires.
type wireDroplet struct {
	ID               int64        `json:"id"`
	Name             string       `json:"name"`
	Memory           int          `json:"memory"`
	VCPUs            int          `json:"vcpus"`
	Disk             int          `json:"disk"`
	DiskInfo         []wireDisk   `json:"disk_info"`
	Locked           bool         `json:"locked"`
	Status           string       `json:"status"`
	Kernel           *struct{}    `json:"kernel"`
	CreatedAt        time.Time    `json:"created_at"`
	Features         []string     `json:"features"`
	BackupIDs        []int64      `json:"backup_ids"`
	NextBackupWindow *struct{}    `json:"next_backup_window"`
	SnapshotIDs      []int64      `json:"snapshot_ids"`
	Image            *wireImage   `json:"image"`
	VolumeIDs        []string     `json:"volume_ids"`
	Size             *wireSize    `json:"size"`
	SizeSlug         string       `json:"size_slug"`
	Networks         wireNetworks `json:"networks"`
	Region           *wireRegion  `json:"region"`
	Tags             []string     `json:"tags"`
	VPCUUID          string       `json:"vpc_uuid,omitempty"`
	GPUInfo          *wireGPU     `json:"gpu_info,omitempty"`
}

type wireDisk struct {
	Type string     `json:"type"`
	Size wireAmount `json:"size"`
}

type wireAmount struct {
	Amount int    `json:"amount"`
	Unit   string `json:"unit"`
}

type wireGPU struct {
	Count int        `json:"count"`
	Model string     `json:"model"`
	VRAM  wireAmount `json:"vram"`
}

type wireNetworks struct {
	V4 []wireV4 `json:"v4"`
	V6 []wireV6 `json:"v6"`
}

type wireV4 struct {
	IPAddress string `json:"ip_address"`
	Netmask   string `json:"netmask"`
	Gateway   string `json:"gateway"`
	Type      string `json:"type"`
}

type wireV6 struct {
	IPAddress string `json:"ip_address"`
	Netmask   int    `json:"netmask"`
	Gateway   string `json:"gateway"`
	Type      string `json:"type"`
}

type wireSize struct {
	Slug         string     `json:"slug"`
	Memory       int        `json:"memory"`
	VCPUs        int        `json:"vcpus"`
	Disk         int        `json:"disk"`
	Transfer     float64    `json:"transfer"`
	PriceMonthly float64    `json:"price_monthly"`
	PriceHourly  float64    `json:"price_hourly"`
	Regions      []string   `json:"regions"`
	Available    bool       `json:"available"`
	Description  string     `json:"description"`
	DiskInfo     []wireDisk `json:"disk_info"`
	GPUInfo      *wireGPU   `json:"gpu_info,omitempty"`
}

type wireRegion struct {
	Name      string   `json:"name"`
	Slug      string   `json:"slug"`
	Features  []string `json:"features"`
	Available bool     `json:"available"`
	Sizes     []string `json:"sizes"`
}

type wireImage struct {
	ID            int64     `json:"id"`
	Name          string    `json:"name"`
	Type          string    `json:"type"`
	Distribution  string    `json:"distribution"`
	Slug          *string   `json:"slug"`
	Public        bool      `json:"public"`
	Regions       []string  `json:"regions"`
	CreatedAt     time.Time `json:"created_at"`
	MinDiskSize   int       `json:"min_disk_size"`
	SizeGigabytes float64   `json:"size_gigabytes"`
	Description   string    `json:"description"`
	Tags          []string  `json:"tags"`
	Status        string    `json:"status"`
	ErrorMessage  string    `json:"error_message,omitempty"`
}

type wireAction struct {
	ID           int64       `json:"id"`
	Status       string      `json:"status"`
	Type         string      `json:"type"`
	StartedAt    time.Time   `json:"started_at"`
	CompletedAt  *time.Time  `json:"completed_at"`
	ResourceID   int64       `json:"resource_id"`
	ResourceType string      `json:"resource_type"`
	Region       *wireRegion `json:"region"`
	RegionSlug   string      `json:"region_slug"`
}

// wireLink points from the answer of a create to its action.
type wireLink struct {
	ID   int64  `json:"id"`
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// instant is a time as the API tells it: in UTC, in whole seconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
