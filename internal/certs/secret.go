// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// secret is the Secret with the certificates. What is in it is the rotator's, which renews it but does not make the
// object, and does not notice a name that is missing.
type secret struct {
	api       client.Client
	namespace string
	hosts     []string
}

// prepare makes sure that there is a Secret, and that its certificate, if it has one, is for all names.
func (s secret) prepare(ctx context.Context) error {
	found := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: SecretName}}
	err := s.api.Get(ctx, client.ObjectKeyFromObject(found), found)
	switch {
	case apierrors.IsNotFound(err):
		err = s.api.Create(ctx, found)
		if apierrors.IsAlreadyExists(err) { // another replica was faster
			return nil
		}
	case err == nil && len(found.Data[certKey]) > 0 && !isFor(found.Data[certKey], s.hosts):
		delete(found.Data, certKey)
		delete(found.Data, keyKey)
		err = s.api.Update(ctx, found)
		if apierrors.IsConflict(err) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("preparing Secret %s: %w", SecretName, err)
	}
	return nil
}

// isFor tells whether a certificate is for all names.
func isFor(certificate []byte, names []string) bool {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return false
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	for _, name := range names {
		if parsed.VerifyHostname(name) != nil {
			return false
		}
	}
	return true
}

// pair is the certificate with its key; nil when the Secret has none yet, or no good one.
func pair(found *corev1.Secret) []byte {
	if _, err := tls.X509KeyPair(found.Data[certKey], found.Data[keyKey]); err != nil {
		return nil
	}
	return append(append(append([]byte{}, found.Data[certKey]...), '\n'), found.Data[keyKey]...)
}
