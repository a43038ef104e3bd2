// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package agenttest is a gateway for the tests of the agent: it keeps to the protocol, and fails as it is told to.
package agenttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

// Gateway serves one machine.
type Gateway struct {
	// URL and CA are how to reach it.
	URL, CA string

	server *httptest.Server

	mu      sync.Mutex
	memory  *Memory
	changed chan struct{}
}

// Memory is all that gateways share, and what tests look at.
type Memory struct {
	Machine  string
	Token    token.Token
	Instance int64
	// Run, Version, Content and Secrets are what the machine is told.
	Run     bool
	Version int64
	Content string
	Secrets map[string]string
	// Orders are what a heartbeat is answered besides.
	Orders protocol.Orders
	// Refuse is said to everybody instead of an answer, and RefuseRegistration to who registers.
	Refuse, RefuseRegistration *protocol.Problem
	// Builds are files by digest, and Dry that nobody answers once one of them was fetched.
	Builds map[string][]byte
	Dry    bool
	// Lose is how many replies are lost after what was asked has been done, and Down that nobody answers.
	Lose int
	Down bool

	// Credential and Next are the hashes of those that are good, and SealKey the machine's.
	Credential, Next token.Hash
	SealKey          string
	// Registrations, Beats and Rotations are what was received, Downloads how many builds were fetched, and Calls how many
	// connections came to something.
	Registrations []protocol.Registration
	Beats         []protocol.Heartbeat
	Rotations     int
	Downloads     int
	Calls         int
}

// NewGateway starts a gateway. Those with the same Memory are replicas of one.
func NewGateway(memory *Memory) (*Gateway, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	g := &Gateway{memory: memory, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+protocol.RegisterPath, g.register)
	mux.HandleFunc("POST "+protocol.HeartbeatPath, g.beat)
	mux.HandleFunc("GET "+protocol.ConfigPath, g.config)
	mux.HandleFunc("POST "+protocol.CredentialPath, g.rotate)
	mux.HandleFunc("GET "+protocol.AgentPath+"{digest}", g.build)
	g.server = httptest.NewUnstartedServer(mux)
	g.server.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
	g.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	g.server.StartTLS()
	g.URL, g.CA = g.server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return g, nil
}

// Close ends it.
func (g *Gateway) Close() {
	g.Change(func(m *Memory) { m.Down = true })
	g.server.CloseClientConnections()
	g.server.Close()
}

// Change changes what it knows, and whoever waits for a config hears of it.
func (g *Gateway) Change(to func(*Memory)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	to(g.memory)
	close(g.changed)
	g.changed = make(chan struct{})
}

// Look looks at what it knows.
func (g *Gateway) Look(at func(*Memory)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at(g.memory)
}

// sealed are the secrets for the machine.
func (m *Memory) sealed() []byte {
	public, err := seal.ParsePublicKey(m.SealKey)
	if err != nil || m.Secrets == nil {
		return nil
	}
	plain, err := json.Marshal(m.Secrets)
	if err != nil {
		return nil
	}
	sealed, err := public.Seal(protocol.SealContext(m.Machine, m.Version, json.RawMessage(m.Content)), plain)
	if err != nil {
		return nil
	}
	return sealed
}
