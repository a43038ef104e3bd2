// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package update

import (
	"fmt"
	"log/slog"
)

// Choice is the build that is to run.
type Choice struct {
	// Digest is the build's, and Path where it is; both are empty for the one that root has installed.
	Digest, Path string
	// OnTrial tells that it was never proven.
	OnTrial bool
}

// Choose decides which build runs, and is for the installed one to ask, which is self, when it starts. A start of one
// on trial is counted before it happens: whatever comes of it has been counted.
func (b Builds) Choose(self string, log *slog.Logger) Choice {
	m := b.load()
	if m.Trial != "" {
		if choice, ok := b.try(m, log); ok {
			return choice
		}
		m = b.load()
	}
	for _, digest := range []string{m.Current, m.Previous} {
		switch {
		case digest == "" || digest == self:
			return Choice{}
		case b.has(digest):
			return Choice{Digest: digest, Path: b.file(digest)}
		}
		log.Error("a build of the agent is not what its name says, and is not run", "build", digest)
	}
	return Choice{}
}

// try starts the one on trial, unless it had its chances.
func (b Builds) try(m memory, log *slog.Logger) (Choice, bool) {
	switch {
	case !b.has(m.Trial):
		m.fail("its file has another digest")
	case m.Starts >= MaxStarts:
		m.fail(fmt.Sprintf("it has ended %d times before any gateway has answered it", m.Starts))
	default:
		m.Starts++
	}
	err := b.save(m)
	switch {
	case err != nil: // it could be started for ever
		log.Error("a build of the agent is not tried, because that cannot be remembered", "error", err)
		return Choice{}, false
	case m.Trial == "":
		log.Error("a build of the agent has failed, and the one before it runs", "build", m.Failed, "because", m.Why)
		return Choice{}, false
	}
	log.Info("a build of the agent is tried", "build", m.Trial, "start", m.Starts)
	return Choice{Digest: m.Trial, Path: b.file(m.Trial), OnTrial: true}, true
}

// Fail says that a build on trial could not even be started.
func (b Builds) Fail(digest, why string) error {
	m := b.load()
	if m.Trial != digest {
		return nil
	}
	m.fail(why)
	return b.save(m)
}
