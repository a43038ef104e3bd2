// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// desiredDroplet is the Droplet that a Bot should have under a machine name. It is created with its finalizer on it,
// and without an owner reference: garbage collection by uid would destroy a fleet that was restored from a backup.
func desiredDroplet(bot *spawnv1.Bot, name string) *spawnv1.Droplet {
	m := bot.Spec.Machine
	return &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: bot.Namespace, Name: name,
			Labels: map[string]string{
				spawnv1.BotLabel: bot.Name, spawnv1.AccountLabel: bot.Spec.AccountRef.Name,
			},
			Finalizers: []string{spawnv1.DropletFinalizer},
		},
		Spec: spawnv1.DropletSpec{
			BotRef: spawnv1.BotReference{Name: bot.Name},
			Region: m.Region, Size: m.Size, Image: m.Image,
			SSHKeys: m.SSHKeys, VPCUUID: m.VPCUUID,
			Backups: m.Backups, Monitoring: m.Monitoring, IPv6: m.IPv6,
			Tags:           m.Tags,
			PowerState:     desiredPower(bot),
			DeletionPolicy: bot.Spec.DeletionPolicy,
		},
	}
}

// desiredPower is on for a Bot that should run, and for no other: one that should be hibernated is not as declared
// while its machine is on.
func desiredPower(bot *spawnv1.Bot) spawnv1.PowerState {
	if bot.Spec.DesiredState == spawnv1.BotRunning {
		return spawnv1.PowerOn
	}
	return spawnv1.PowerOff
}
