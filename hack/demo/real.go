// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/identity"
)

const (
	// realGoneTimeout bounds the wait for the droplets of a real run to be destroyed.
	realGoneTimeout = 10 * time.Minute
	// fleetSuffix is how much of a random text tells one real run's droplets from another's.
	fleetSuffix = 8
)

// announceReal chooses the fleet id and says what a real run costs, before anything is created.
func (d *demo) announceReal() {
	d.fleet = "demo-" + strings.ToLower(rand.Text()[:fleetSuffix])
	d.print("",
		"  This uses DigitalOcean. Every Bot in config/samples becomes a droplet, which is billed from its creation",
		"  until it is destroyed, also while it is powered off. All of them bear the tag",
		"",
		"    "+d.tag(),
		"",
		"  They cannot call a gateway on this machine, so no Bot becomes Ready: the demo ends when all have a machine.",
		"",
		"  Should the demo be killed, look for what it left: doctl compute droplet list --tag-name "+d.tag(),
		"")
}

func (d *demo) tag() string { return identity.FleetTag(d.fleet) }

// endReal destroys the droplets of a real run, unless they are to be kept, and looks whether any is left.
func (d *demo) endReal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, realGoneTimeout)
	defer cancel()
	if d.settings.keep {
		d.say("KEEP=1: the droplets with tag %s stay and cost money; nothing manages them now", d.tag())
		return nil
	}
	var deleteErr error
	if deleteErr = d.alive(); deleteErr == nil {
		d.say("deleting every Bot and waiting for the droplets to be gone; Ctrl-C now would leave them alive")
		_, deleteErr = d.plane.Kubectl(ctx, "delete", "bots", "--all", "-A")
	}
	return errors.Join(deleteErr, d.checkReal(ctx))
}

// checkReal asks DigitalOcean itself whether a droplet is left.
func (d *demo) checkReal(ctx context.Context) error {
	api, err := digitalocean.Connect(digitalocean.Options{
		Token: func() string { return d.settings.token }, UserAgent: "open-spawn-demo",
	})
	if err != nil {
		return err
	}
	left, err := api.ListByTag(ctx, d.tag())
	if err != nil {
		return fmt.Errorf("looking for droplets with tag %s: %w; look yourself, they cost money", d.tag(), err)
	}
	if len(left) > 0 {
		return fmt.Errorf("%d droplets with tag %s are left and cost money; destroy them at DigitalOcean", len(left), d.tag())
	}
	d.say("DigitalOcean lists no droplet with tag %s", d.tag())
	return nil
}
