// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// secret is the Secret with the certificates. The rotator renews what is in it, but it does not make the object, and
// does not notice a name that is missing.
type secret struct {
	api     client.Client
	rotator *rotator.CertRotator
	clock   clock.PassiveClock
}

// prepare makes sure that there is a Secret, and that its certificate, if it has one, is for all names.
func (s secret) prepare(ctx context.Context) error {
	var found corev1.Secret
	err := s.api.Get(ctx, s.rotator.SecretKey, &found)
	switch {
	case apierrors.IsNotFound(err):
		err = s.create(ctx)
	case err == nil && len(found.Data[certKey]) > 0 && !isFor(found.Data[certKey], s.names()):
		// Another of the same CA, and whole: were it left to a rotator, that of an older replica might fill it, with the
		// names that it knows.
		if found.Data[certKey], found.Data[keyKey], err = s.issue(&found); err == nil {
			err = s.api.Update(ctx, &found)
		}
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) { // another replica was faster
		return nil
	}
	if err != nil {
		return fmt.Errorf("preparing Secret %s: %w", SecretName, err)
	}
	return nil
}

// create makes the Secret with all that belongs into it.
func (s secret) create(ctx context.Context) error {
	begin := s.clock.Now().Add(-time.Hour) // for clocks that are behind ours
	ca, err := s.rotator.CreateCACert(begin, begin.Add(caLife))
	if err != nil {
		return err
	}
	certificate, key, err := s.rotator.CreateCertPEM(ca, begin, begin.Add(certLife))
	if err != nil {
		return err
	}
	return s.api.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.rotator.SecretKey.Namespace, Name: s.rotator.SecretKey.Name},
		Data:       map[string][]byte{"ca.crt": ca.CertPEM, "ca.key": ca.KeyPEM, certKey: certificate, keyKey: key},
	})
}

// issue makes a certificate of the CA that is there, and nothing of one that cannot be read: the rotator replaces it.
func (s secret) issue(found *corev1.Secret) (certificate, key []byte, err error) {
	authority, err := tls.X509KeyPair(found.Data["ca.crt"], found.Data["ca.key"])
	if err != nil {
		return nil, nil, nil //nolint:nilerr // the rotator sees it too, and makes another
	}
	private, ok := authority.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, nil
	}
	begin := s.clock.Now().Add(-time.Hour) // for clocks that are behind ours
	return s.rotator.CreateCertPEM(
		&rotator.KeyPairArtifacts{Cert: authority.Leaf, Key: private}, begin, begin.Add(certLife))
}

// names are those that the certificate must be for.
func (s secret) names() []string {
	return append([]string{s.rotator.DNSName}, s.rotator.ExtraDNSNames...)
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
