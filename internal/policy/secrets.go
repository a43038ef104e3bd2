// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// SecretUse is one place where a Bot names a key of a Secret.
type SecretUse struct {
	// Field is the place, such as spec.llm.apiKeySecretRef.
	Field string
	// Ref is what it names, in the Bot's namespace.
	Ref spawnv1.SecretKeyReference
}

// SecretsOf are all places where the Bot names a Secret, by the name of the Secret.
func SecretsOf(bot *spawnv1.Bot) []SecretUse {
	uses := []SecretUse{{"spec.llm.apiKeySecretRef", bot.Spec.LLM.APIKeySecretRef}}
	for _, credential := range bot.Spec.Credentials {
		uses = append(uses, SecretUse{fmt.Sprintf("spec.credentials[%s].secretRef", credential.Name), credential.SecretRef})
	}
	for _, channel := range bot.Spec.Channels {
		field := fmt.Sprintf("spec.channels[%s].", channel.Type)
		uses = append(uses, SecretUse{field + "tokenSecretRef", channel.TokenSecretRef})
		if channel.AppTokenSecretRef != nil {
			uses = append(uses, SecretUse{field + "appTokenSecretRef", *channel.AppTokenSecretRef})
		}
	}
	slices.SortStableFunc(uses, func(a, b SecretUse) int { return cmp.Compare(a.Ref.Name, b.Ref.Name) })
	return uses
}

// CheckSecret judges whether a Secret that a Bot names is open to bots: whoever may create Bots and not read Secrets
// must not read them through us.
func CheckSecret(secret *corev1.Secret, use SecretUse) []Violation {
	switch {
	case secret.Labels[spawnv1.BotAccessLabel] != "true":
		return []Violation{violation(spawnv1.SecretNotAllowedReason, use.Field,
			"Secret %q is not open to bots; whoever owns it can open it with: kubectl label -n %s secret %s %s=true",
			secret.Name, secret.Namespace, secret.Name, spawnv1.BotAccessLabel)}
	case secret.Type != corev1.SecretTypeOpaque:
		return []Violation{violation(spawnv1.SecretNotAllowedReason, use.Field,
			"Secret %q is of type %s, and bots read Secrets of type %s only",
			secret.Name, secret.Type, corev1.SecretTypeOpaque)}
	}
	return nil
}
