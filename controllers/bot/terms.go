// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/policy"
	"github.com/cedros-io/open-spawn/internal/status"
)

// secretAgain is how often a Secret that is not open to bots is looked at again: nobody tells us that it was opened,
// because Secrets are not watched.
const secretAgain = time.Minute

// unlistedAgain is how often it is asked again whether there is a size: as long as the catalogue remembers.
const unlistedAgain = 10 * time.Minute

// judgeTerms judges what the Account's spec alone does not tell: what the machine costs, and what Secrets the Bot
// names. Both are asked for once for each spec of the Bot, so that one at rest costs nothing; what its machine costs is
// known without asking.
func (a *admission) judgeTerms(
	ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot, droplet *spawnv1.Droplet,
) (verdict, error) {
	size := bot.Spec.Machine.Size
	hasIt := droplet != nil && droplet.Status.Size == size && droplet.Status.HourlyPriceMicros > 0
	switch {
	case hasIt:
		if found := policy.CheckPrice(account, size, droplet.Status.HourlyPriceMicros); len(found) > 0 {
			return refused(found, 0), nil
		}
	case isAdmitted(bot):
	default:
		if v := a.judgePrice(ctx, account, size, droplet == nil); v.stands() {
			return v, nil
		}
	}
	if isAdmitted(bot) {
		return verdict{}, nil
	}
	return a.judgeSecrets(ctx, bot)
}

// judgePrice asks what the size costs. A machine of which that is not known is not let through, and nor is a new one of
// a size that DigitalOcean does not list. To such a size no machine is changed: the catalogue is asked before.
func (a *admission) judgePrice(ctx context.Context, account *spawnv1.Account, size string, isNew bool) verdict {
	if a.market == nil || account.Spec.MachinePolicy.MaxHourlyMicroUSD == nil {
		return verdict{}
	}
	hourly, err := a.market.HourlyMicroUSD(ctx, size)
	if err != nil {
		return against(status.Unknown(spawnv1.AdmittedCondition, cloudReason(err),
			"what %q costs cannot be asked, and Account %q has a highest price: %s", size, account.Name, cloud.Message(err)),
			max(cloud.RetryAfter(err), listedAgain))
	}
	if hourly == 0 && isNew {
		return against(status.False(spawnv1.AdmittedCondition, spawnv1.MachineNotAllowedReason,
			"spec.machine.size: DigitalOcean lists no size %q; `doctl compute size list` names them all", size), unlistedAgain)
	}
	if found := policy.CheckPrice(account, size, hourly); len(found) > 0 {
		return refused(found, 0)
	}
	return verdict{}
}

func (a *admission) judgeSecrets(ctx context.Context, bot *spawnv1.Bot) (verdict, error) {
	found, err := a.closedSecrets(ctx, bot)
	switch {
	case apierrors.IsForbidden(err): // with a condition, so that it stands in nobody's way
		return against(status.False(spawnv1.AdmittedCondition, spawnv1.SecretNotAllowedReason,
			"the manager has no right to read Secrets in namespace %q", bot.Namespace), secretAgain), nil
	case err != nil || len(found) == 0:
		return verdict{}, err
	}
	return refused(found, secretAgain), nil
}

// closedSecrets are what is wrong with the Secrets that the Bot names. Each is read by its name and from the API server
// itself: they are never listed, watched or held. One that does not exist yet is no refusal.
func (a *admission) closedSecrets(ctx context.Context, bot *spawnv1.Bot) ([]policy.Violation, error) {
	var found []policy.Violation
	read := map[string]*corev1.Secret{}
	for _, use := range policy.SecretsOf(bot) {
		secret, known := read[use.Ref.Name]
		if !known {
			var err error
			if secret, err = a.secret(ctx, bot.Namespace, use.Ref.Name); err != nil {
				return nil, err
			}
			read[use.Ref.Name] = secret
		}
		if secret != nil {
			found = append(found, policy.CheckSecret(secret, use)...)
		}
	}
	return found, nil
}

// secret is nil when there is none of that name.
func (a *admission) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := a.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // none is an answer
	case err != nil:
		return nil, fmt.Errorf("reading secret %q: %w", name, err)
	}
	return &secret, nil
}
