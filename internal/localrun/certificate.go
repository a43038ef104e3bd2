// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// lifetime is more than any run takes.
const lifetime = 30 * 24 * time.Hour

// certificateFiles are the files of a server's certificate.
type certificateFiles struct{ authority, certificate, key string }

// writeCertificate makes an authority that is used once, and a certificate for this machine, and writes them to files
// whose names begin so. The authority's key is kept nowhere.
func writeCertificate(prefix string) (certificateFiles, error) {
	files := certificateFiles{prefix + "-ca.pem", prefix + ".pem", prefix + "-key.pem"}
	now := time.Now() //nolint:forbidigo // the server and its clients are processes with the real clock
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "open-spawn on this machine"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "gateway"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	authorityKey, err := newKey()
	if err != nil {
		return files, err
	}
	serverKey, err := newKey()
	if err != nil {
		return files, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return files, fmt.Errorf("making a certificate: %w", err)
	}
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return files, fmt.Errorf("making a certificate: %w", err)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, server, authority, serverKey.Public(), authorityKey)
	if err != nil {
		return files, fmt.Errorf("making a certificate: %w", err)
	}
	for _, file := range []struct {
		path, kind string
		content    []byte
	}{
		{files.authority, "CERTIFICATE", root}, {files.certificate, "CERTIFICATE", leaf}, {files.key, "PRIVATE KEY", private},
	} {
		text := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.content})
		if err := os.WriteFile(file.path, text, 0o600); err != nil {
			return files, fmt.Errorf("writing a certificate: %w", err)
		}
	}
	return files, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}
