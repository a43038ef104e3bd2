// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// KeyName is the name of the Secret that holds the fleet key, in the manager's own namespace.
	KeyName = "open-spawn-fleet-key"
	// keyEntry is its entry, and keySize how many random bytes it holds.
	keyEntry, keySize = "key", 32
)

// EnsureKey is the fleet key, made when there is none: registration tokens are made with it, and the contents of
// configs told apart. It belongs to what is backed up. Without it, machines that have not registered never do, and
// every config gets a new number once.
func EnsureKey(ctx context.Context, api client.Client, namespace string) ([]byte, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: KeyName}, Data: map[string][]byte{},
	}
	err := api.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if apierrors.IsNotFound(err) {
		key := make([]byte, keySize)
		_, _ = rand.Read(key) // it never fails: see crypto/rand
		secret.Data[keyEntry] = key
		if err = api.Create(ctx, secret); apierrors.IsAlreadyExists(err) { // another replica was first
			err = api.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the fleet key: %w", err)
	}
	if key := secret.Data[keyEntry]; len(key) == keySize {
		return key, nil
	}
	return nil, fmt.Errorf("entry %q of Secret %s in namespace %s is no fleet key: it has %d bytes, not %d; restore it "+
		"from a backup, or delete the Secret to have another made", keyEntry, KeyName, namespace,
		len(secret.Data[keyEntry]), keySize)
}
