// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery owns the form of the two objects through which the cluster and a machine talk. Both are in the
// delivery namespace and bear the machine's name. The Secret goes down: the bot controller writes it, and the gateway
// reads it; it is all that the gateway may know of a bot. The Lease comes up: the gateway writes it, and the bot
// controller reads it. Nobody writes the other's.
package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// Namespace is where the objects are unless a flag says otherwise.
const Namespace = "open-spawn-delivery"

// The keys of the Secret.
const (
	machineKey = "machine.json"
	configKey  = "config.json"
)

// Machine is what the gateway is told of a machine.
type Machine struct {
	// Namespace and Bot are whose it is.
	Namespace string `json:"namespace"`
	Bot       string `json:"bot"`
	// InstanceID is the one instance that may be served; 0 while it is not known.
	InstanceID int64 `json:"instanceID,omitempty"`
	// Addresses are from where it calls; none when that is not checked.
	Addresses []string `json:"addresses,omitempty"`
	// Registration is the token that may be traded for a credential; nil when none may.
	Registration *Registration `json:"registration,omitempty"`
	// Run tells whether the bot is to run.
	Run bool `json:"run"`
	// IntervalSeconds and GraceSeconds are the Bot's spec.heartbeat.
	IntervalSeconds int32 `json:"intervalSeconds"`
	GraceSeconds    int32 `json:"graceSeconds"`
	// AgentSHA256, OpenClawSHA256, Gateways and GatewayCA are as in protocol.Orders.
	AgentSHA256    map[string]string            `json:"agentSHA256,omitempty"`
	OpenClawSHA256 map[string]map[string]string `json:"openclawSHA256,omitempty"`
	Gateways       []string                     `json:"gateways,omitempty"`
	GatewayCA      string                       `json:"gatewayCA,omitempty"`
}

// Registration is a registration token that is good for a while.
type Registration struct {
	// SHA256 is the token's hash, in hexadecimal.
	SHA256 string `json:"sha256"`
	// NotAfter is when it expires.
	NotAfter time.Time `json:"notAfter"`
	// Reopened tells that the registration was opened once more because somebody asked for it.
	Reopened bool `json:"reopened,omitempty"`
}

// Hash is the token's, zero when what is there is none.
func (r *Registration) Hash() token.Hash {
	if r == nil {
		return token.Hash{}
	}
	hash, _ := token.ParseHash(r.SHA256) // what is none is equal to nothing
	return hash
}

// Content is one version of what a bot is to run.
type Content struct {
	// Version numbers it, from 1.
	Version int64 `json:"version"`
	// Config is canonical JSON without any secret.
	Config json.RawMessage `json:"config"`
	// Sealed are its secrets, as in protocol.Config; empty until the machine has registered.
	Sealed []byte `json:"sealed,omitempty"`
	// SealedTo is the key that they are sealed to, as in protocol.Registration.
	SealedTo string `json:"sealedTo,omitempty"`
	// Hash tells contents apart, secrets included; only the bot controller can compute it.
	Hash string `json:"hash"`
}

// ErrNoContent means that a machine has no config yet.
var ErrNoContent = errors.New("the machine has no config yet")

// ReadMachine is what a delivery Secret says of its machine.
func ReadMachine(secret *corev1.Secret) (*Machine, error) {
	var m Machine
	if err := json.Unmarshal(secret.Data[machineKey], &m); err != nil {
		return nil, fmt.Errorf("reading %s of delivery Secret %s: %w", machineKey, secret.Name, err)
	}
	return &m, nil
}

// ReadContent is what a delivery Secret says its bot is to run; ErrNoContent when it does not say yet.
func ReadContent(secret *corev1.Secret) (*Content, error) {
	text, has := secret.Data[configKey]
	if !has {
		return nil, ErrNoContent
	}
	var c Content
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("reading %s of delivery Secret %s: %w", configKey, secret.Name, err)
	}
	return &c, nil
}

// Write puts both into a delivery Secret, as a whole. Content may be nil.
func Write(secret *corev1.Secret, m *Machine, c *Content) error {
	machine, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing %s of delivery Secret %s: %w", machineKey, secret.Name, err)
	}
	secret.Data = map[string][]byte{machineKey: machine}
	if c == nil {
		return nil
	}
	content, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing %s of delivery Secret %s: %w", configKey, secret.Name, err)
	}
	secret.Data[configKey] = content
	return nil
}

// For is the config as a machine is given it.
func (c *Content) For(run bool) protocol.Config {
	return protocol.Config{Run: run, Version: c.Version, Content: c.Config, Sealed: c.Sealed}
}
