// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// The annotations of a machine's Lease. Only hashes and public keys are in them.
const (
	credentialAnnotation     = spawnv1.GroupName + "/credential-sha256"
	nextCredentialAnnotation = spawnv1.GroupName + "/next-credential-sha256"
	sealKeyAnnotation        = spawnv1.GroupName + "/seal-key"
	factsAnnotation          = spawnv1.GroupName + "/facts"
	pastBootsAnnotation      = spawnv1.GroupName + "/past-boots"
	receivedByAnnotation     = spawnv1.GroupName + "/received-by"
	conflictsAnnotation      = spawnv1.GroupName + "/registration-conflicts"
)

// Presence is what the gateway knows of a machine that has registered.
type Presence struct {
	// Credential is the hash of the machine's credential, and Next that of the one it is about to use; zero when none.
	Credential, Next token.Hash
	// SealKey is as in protocol.Registration.
	SealKey string
	// Facts are its last heartbeat. Right after the registration it has instance and agent version only.
	Facts protocol.Heartbeat
	// PastBoots are the boots before that of Facts, the latest last: what is heard of them comes too late.
	PastBoots []string
	// ReceivedBy is the gateway that received Facts.
	ReceivedBy string
	// Conflicts counts the registrations that were refused since, though their token was right: somebody else has it.
	Conflicts int32
	// Renewed is when that was received, by the gateway's clock: compare it with itself only.
	Renewed time.Time
	// Duration is for how long no news is no silence.
	Duration time.Duration
}

// ReadPresence is what a machine's Lease says.
func ReadPresence(lease *coordinationv1.Lease) (*Presence, error) {
	var p Presence
	var err error
	notes := lease.Annotations
	if p.Credential, err = token.ParseHash(notes[credentialAnnotation]); err != nil {
		return nil, fmt.Errorf("reading the credential in Lease %s: %w", lease.Name, err)
	}
	if next := notes[nextCredentialAnnotation]; next != "" {
		if p.Next, err = token.ParseHash(next); err != nil {
			return nil, fmt.Errorf("reading the next credential in Lease %s: %w", lease.Name, err)
		}
	}
	if err := json.Unmarshal([]byte(notes[factsAnnotation]), &p.Facts); err != nil {
		return nil, fmt.Errorf("reading the facts in Lease %s: %w", lease.Name, err)
	}
	p.SealKey, p.ReceivedBy = notes[sealKeyAnnotation], notes[receivedByAnnotation]
	if boots := notes[pastBootsAnnotation]; boots != "" {
		p.PastBoots = strings.Split(boots, ",")
	}
	if conflicts, err := strconv.ParseInt(notes[conflictsAnnotation], 10, 32); err == nil {
		p.Conflicts = int32(conflicts)
	}
	if lease.Spec.RenewTime != nil {
		p.Renewed = lease.Spec.RenewTime.Time
	}
	if lease.Spec.LeaseDurationSeconds != nil {
		p.Duration = time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second
	}
	return &p, nil
}

// WriteTo puts it into a machine's Lease.
func (p *Presence) WriteTo(lease *coordinationv1.Lease) error {
	facts, err := json.Marshal(p.Facts)
	if err != nil {
		return fmt.Errorf("writing the facts in Lease %s: %w", lease.Name, err)
	}
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	next, conflicts := "", ""
	if !p.Next.IsZero() {
		next = p.Next.String()
	}
	if p.Conflicts > 0 {
		conflicts = strconv.Itoa(int(p.Conflicts))
	}
	for key, value := range map[string]string{
		credentialAnnotation: p.Credential.String(), nextCredentialAnnotation: next, sealKeyAnnotation: p.SealKey,
		factsAnnotation: string(facts), pastBootsAnnotation: strings.Join(p.PastBoots, ","),
		receivedByAnnotation: p.ReceivedBy, conflictsAnnotation: conflicts,
	} {
		lease.Annotations[key] = value
		if value == "" {
			delete(lease.Annotations, key)
		}
	}
	seconds := int32(p.Duration / time.Second) //nolint:gosec // minutes
	renewed := metav1.NewMicroTime(p.Renewed)
	lease.Spec.HolderIdentity = &lease.Name
	lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &seconds, &renewed
	return nil
}

// News is what is worth waking somebody for, when it changes: how the bot is and who the machine is, but not who heard
// it, when, or exactly how much room it has.
type News struct {
	Credential, SealKey, AgentVersion string
	Instance, Applied, Tried          int64
	Succeeded                         bool
	Message                           string
	OpenClaw                          protocol.OpenClaw
	Channels                          string
	Disk                              DiskLevel
	Bootstrap                         protocol.BootstrapStep
	Conflicts                         int32
}

// News is the part of what is known that is worth waking somebody for.
func (p *Presence) News() News {
	n := News{
		Credential: p.Credential.String(), SealKey: p.SealKey, AgentVersion: p.Facts.AgentVersion,
		Instance: p.Facts.InstanceID, Applied: p.Facts.AppliedConfig, OpenClaw: p.Facts.OpenClaw, Conflicts: p.Conflicts,
		Channels: channelsOf(p.Facts.Channels), Disk: LevelOf(p.Facts.Disk),
	}
	if r := p.Facts.Result; r != nil {
		n.Tried, n.Succeeded, n.Message = r.Version, r.Applied, r.Message
	}
	if b := p.Facts.Bootstrap; b != nil {
		n.Bootstrap = *b
		if !b.Failed {
			n.Bootstrap.Message = "" // what a step says while it is at it may change with every heartbeat
		}
	}
	return n
}

// channelsOf are the states of channels in one text, which can be compared.
func channelsOf(channels []protocol.ChannelState) string {
	var text strings.Builder
	for _, c := range channels {
		message := c.Message
		if c.Connected {
			message = ""
		}
		fmt.Fprintf(&text, "%q %t %q\n", c.Type, c.Connected, message)
	}
	return text.String()
}
