// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
)

// requestFor is what is asked of the cloud for a Droplet. It is a function of the Droplet, the fleet and the user data
// alone, so every attempt asks for the same machine.
func requestFor(droplet *spawnv1.Droplet, fleet, userData string) cloud.InstanceRequest {
	spec := droplet.Spec
	return cloud.InstanceRequest{
		Name:       droplet.Name,
		Region:     spec.Region,
		Size:       spec.Size,
		Image:      spec.Image,
		SnapshotID: spec.SnapshotID,
		UserData:   userData,
		SSHKeys:    spec.SSHKeys,
		VPCUUID:    spec.VPCUUID,
		Tags:       identity.Tags(fleet, spec.Tags),
		Backups:    spec.Backups == spawnv1.SwitchEnabled,
		Monitoring: spec.Monitoring == spawnv1.SwitchEnabled,
		IPv6:       spec.IPv6 == spawnv1.SwitchEnabled,
	}
}
