// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/finalizer"
)

// abandon lets a Droplet that is being deleted go without asking the cloud, when an administrator has said which
// instance is given up. It reports whether the Droplet is done with.
func (c *Controller) abandon(ctx context.Context, droplet *spawnv1.Droplet) (bool, error) {
	told := droplet.Annotations[spawnv1.AbandonInstanceAnnotation]
	if told == "" || told != abandonWord(droplet) {
		return false, nil
	}
	if err := c.tellBot(ctx, droplet); err != nil {
		return true, err
	}
	if err := finalizer.Remove(ctx, c.client, droplet, spawnv1.DropletFinalizer); err != nil {
		return true, err
	}
	log.FromContext(ctx).Info("abandoned the instance, as an administrator has asked", "instanceID",
		droplet.Status.InstanceID)
	c.recorder.Eventf(droplet, nil, corev1.EventTypeWarning, spawnv1.InstanceAbandonedReason, "Abandon",
		"instance %q was given up without a proof that it is gone; look for it in DigitalOcean", told)
	return true, nil
}

// tellBot notes on the Bot, if there is one, that its machine was given up, before the Droplet that knows of it is
// gone: the Bot's slot is then not given back on its word.
func (c *Controller) tellBot(ctx context.Context, droplet *spawnv1.Droplet) error {
	bot := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: droplet.Namespace, Name: droplet.Spec.BotRef.Name}}
	before := bot.DeepCopy()
	bot.Annotations = map[string]string{spawnv1.AbandonedAnnotation: droplet.Name}
	if err := c.client.Patch(ctx, bot, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("telling bot %s that its machine is given up: %w", droplet.Spec.BotRef.Name, err)
	}
	return nil
}

// abandonWord is what the annotation must say, so that nobody abandons by a copied manifest.
func abandonWord(droplet *spawnv1.Droplet) string {
	if id := droplet.Status.InstanceID; id != 0 {
		return strconv.FormatInt(id, 10)
	}
	return droplet.Name
}
