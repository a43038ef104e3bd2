// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

// userDataPause is when it is looked for again; the Bot's controller writes it anew meanwhile.
const userDataPause = 10 * time.Second

// userData is what the machine is told when it is first booted, empty when it is told nothing; or why no instance can
// be created.
func (e *existence) userData(ctx context.Context, s *scope) (string, *reconcile.Result, error) {
	name := s.droplet.Spec.UserDataSecretName
	if name == "" {
		return "", nil, nil
	}
	var secret corev1.Secret
	err := e.live.Get(ctx, client.ObjectKey{Namespace: e.systemNamespace, Name: name}, &secret)
	if err != nil && !apierrors.IsNotFound(err) {
		return "", nil, fmt.Errorf("reading the user data in Secret %s: %w", name, err)
	}
	if data, has := secret.Data[userdata.SecretKey]; err == nil && has {
		return string(data), nil, nil
	}
	s.exists(status.Unknown, spawnv1.UserDataMissingReason,
		"there is no user data in Secret %s of namespace %s, and no instance is created without; it is written anew",
		name, e.systemNamespace)
	return "", &reconcile.Result{RequeueAfter: userDataPause}, nil
}
