// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// checkSettings finds settings that would fail the manager later, and would not be named then.
func checkSettings(ctx context.Context, o Options) error {
	if err := checkAddresses(o.Settings); err != nil {
		return err
	}
	return checkNamespaces(ctx, o.Config, o.Settings.WatchNamespaces)
}

// checkNamespaces finds a namespace that is to be watched and may not be: the caches would wait for it, and no
// controller would start in any of them.
func checkNamespaces(ctx context.Context, config *rest.Config, namespaces []string) error {
	api, err := client.New(config, client.Options{Scheme: Scheme()})
	if err != nil {
		return fmt.Errorf("building a client: %w", err)
	}
	for _, namespace := range namespaces {
		err := api.List(ctx, &spawnv1.BotList{}, client.InNamespace(namespace), client.Limit(1))
		if apierrors.IsForbidden(err) { // whatever else is wrong, the caches say, and try again
			return fmt.Errorf("--watch-namespaces: the manager has no rights in namespace %q: grant them there, as "+
				"config/namespaced does, or leave it out: %w", namespace, err)
		}
	}
	return nil
}
