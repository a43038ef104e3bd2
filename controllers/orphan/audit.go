// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

const (
	// auditEvery is how often the whole account is listed: tags can fail to stick, and the name cannot.
	auditEvery = time.Hour
	// firstAudit is when it is listed first, after the rush of a start and soon enough for a manager that is restarted
	// every hour.
	firstAudit = 15 * time.Minute
	// auditAgain is when it is tried again after it could not be listed.
	auditAgain = 5 * time.Minute
)

// audit lists the whole account once an hour and gives the instances that look like machines of ours and bear no
// fleet's tag. It is false when none was due, or when the account could not be listed.
func (s *Sweeper) audit(ctx context.Context, pass inventory.Pass) ([]cloud.Instance, bool) {
	now := s.clock.Now()
	if s.auditAt.IsZero() {
		s.auditAt = now.Add(firstAudit)
	}
	if now.Before(s.auditAt) {
		return nil, false
	}
	all, err := s.cloud.For("", "").List(ctx)
	if err != nil {
		s.auditAt = now.Add(auditAgain)
		log.FromContext(ctx).Info("account cannot be listed for instances without a tag", "why", cloud.Message(err))
		return nil, false
	}
	return s.strays(all, pass, now), true
}

// strays leaves out what a pass shows, what another fleet has, and what is so young that its tags may be on their way.
func (s *Sweeper) strays(all []cloud.Instance, pass inventory.Pass, now time.Time) []cloud.Instance {
	var found []cloud.Instance
	for _, instance := range all {
		_, listed := pass.ByID(instance.ID)
		tagged := instance.HasTag(identity.FleetTag(s.fleet)) || isOfAnotherFleet(instance, s.fleet)
		young := now.Sub(instance.CreatedAt) < s.settings.MinAge
		if !listed && !tagged && !young && identity.HasShape(instance.Name) {
			found = append(found, instance)
		}
	}
	return found
}

// setStrays replaces what the last audit found, and tells of what is new.
func (s *Sweeper) setStrays(ctx context.Context, found []cloud.Instance) {
	before := s.untagged
	s.untagged = make(map[int64]bool, len(found))
	for _, instance := range found {
		if s.untagged[instance.ID] = true; !before[instance.ID] {
			s.tellStray(ctx, instance)
		}
	}
}
