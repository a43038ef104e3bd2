// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
)

// repairTags puts back a tag that somebody has taken off the instance. Tags come after creation, so a young instance is
// given the time to get them. done tells that the reconcile ends with it.
func (o *operations) repairTags(ctx context.Context, s *scope) (result reconcile.Result, done bool, err error) {
	missing := missingTags(s.droplet, *s.instance, o.fleet)
	attempt := s.droplet.Status.Attempt
	if len(missing) == 0 || attempt != nil && s.now.Before(attempt.StartedAt.Add(o.settle)) {
		return reconcile.Result{}, false, nil
	}
	if !s.fresh {
		over, result, err := o.lookAgain(ctx, s)
		if !over {
			return result, true, err
		}
		if missing = missingTags(s.droplet, *s.instance, o.fleet); len(missing) == 0 {
			return reconcile.Result{}, false, nil
		}
	}
	api := o.cloud.For(accountOf(s.droplet), botOf(s.droplet))
	for _, tag := range missing {
		if err := putBack(ctx, api, s.instance.ID, tag); err != nil {
			result, err := o.hindered(s, err)
			return result, true, err
		}
		log.FromContext(ctx).Info("put a tag back", "tag", tag, "instanceID", s.instance.ID)
		s.instance.Tags = append(s.instance.Tags, tag)
	}
	return reconcile.Result{}, false, nil
}

// putBack puts a tag on an instance, and makes it anew if somebody has deleted the tag itself.
func putBack(ctx context.Context, api cloud.API, id int64, tag string) error {
	err := api.Tag(ctx, id, tag)
	if !cloud.IsNotFound(err) {
		return err
	}
	if err := api.EnsureTag(ctx, tag); err != nil {
		return err
	}
	return api.Tag(ctx, id, tag)
}

// missingTags are the tags that the instance should bear and does not.
func missingTags(droplet *spawnv1.Droplet, instance cloud.Instance, fleet string) []string {
	var missing []string
	for _, tag := range identity.Tags(fleet, droplet.Spec.Tags) {
		if !instance.HasTag(tag) {
			missing = append(missing, tag)
		}
	}
	return missing
}

// isAnothers tells whether neither the name nor the fleet's tag says that the instance is the Droplet's: somebody has
// made it something else, and it is left alone.
func isAnothers(droplet *spawnv1.Droplet, instance cloud.Instance, fleet string) bool {
	return instance.Name != droplet.Name && !instance.HasTag(identity.FleetTag(fleet))
}
