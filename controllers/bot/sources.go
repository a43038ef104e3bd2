// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/botconfig"
	"github.com/cedros-io/open-spawn/internal/policy"
)

// sources reads what a Bot refers to: by name, from the API server itself, and holds none of it.
type sources struct{ live client.Reader }

// notOpen means that something is not there for bots, for a reason that is none of a Bot's Secret keys.
type notOpen struct{ reason, message string }

// Error implements error.
func (n *notOpen) Error() string { return n.message }

// read is all that the Bot refers to, a *notOpen, or an error of the API server. What is missing of it the renderer
// says, which knows where it is named.
func (r *sources) read(ctx context.Context, bot *spawnv1.Bot) (botconfig.Sources, error) {
	from := botconfig.Sources{Secrets: map[string]*corev1.Secret{}}
	for _, use := range policy.SecretsOf(bot) {
		if _, known := from.Secrets[use.Ref.Name]; known {
			continue
		}
		var secret corev1.Secret
		err := r.live.Get(ctx, client.ObjectKey{Namespace: bot.Namespace, Name: use.Ref.Name}, &secret)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case apierrors.IsForbidden(err):
			return from, &notOpen{spawnv1.SecretNotAllowedReason,
				fmt.Sprintf("the manager has no right to read Secrets in namespace %q", bot.Namespace)}
		case err != nil:
			return from, fmt.Errorf("reading secret %q: %w", use.Ref.Name, err)
		}
		if found := policy.CheckSecret(&secret, use); len(found) > 0 {
			return from, &notOpen{found[0].Reason, policy.Messages(found)}
		}
		from.Secrets[use.Ref.Name] = &secret
	}
	ref := bot.Spec.OpenClaw.WorkspaceConfigMapRef
	if ref == nil {
		return from, nil
	}
	var workspace corev1.ConfigMap
	err := r.live.Get(ctx, client.ObjectKey{Namespace: bot.Namespace, Name: ref.Name}, &workspace)
	switch {
	case apierrors.IsNotFound(err):
		return from, &notOpen{spawnv1.ConfigMapNotFoundReason,
			fmt.Sprintf("spec.openclaw.workspaceConfigMapRef: there is no ConfigMap %q", ref.Name)}
	case err != nil:
		return from, fmt.Errorf("reading configmap %q: %w", ref.Name, err)
	}
	from.Workspace = &workspace
	return from, nil
}
