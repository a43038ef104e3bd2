// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"hash/fnv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// readEvery is how often what a Bot refers to is read while nothing says that it has changed, and readJitter how
	// much earlier or later, so that a fleet that was started at once does not read at once for ever.
	readEvery  = 5 * time.Minute
	readJitter = 30 * time.Second
	// missingAgain is how often it is read while it cannot be delivered: somebody is about to mend that.
	missingAgain = 20 * time.Second
)

// reading is what came of reading all that a Bot refers to. It holds none of it.
type reading struct {
	// of is for what it was done: anything else needs another.
	of readingOf
	// until is when it is to be done again.
	until time.Time
	// lags is set while the bot does not run the newest version.
	lags bool
	// wrong is what is the matter with what was read; nil when it was delivered.
	wrong *condition
}

// readingOf is all on which it depends what is read and written, but for what is read.
type readingOf struct {
	uid                   types.UID
	generation            int64
	refresh, machine, key string
	version               int64
	hash, openclaw        string
}

func ofScope(s *scope) readingOf {
	of := readingOf{
		uid: s.bot.UID, generation: s.bot.Generation, refresh: s.bot.Annotations[spawnv1.RefreshAnnotation],
		machine: s.droplet.Name, openclaw: s.turn.version,
	}
	if isRegistered(s) {
		of.key = s.bot.Status.SealKey
	}
	if c := s.letter.content; c != nil { // whoever deletes or changes the letter gets it back
		of.version, of.hash = c.Version, c.Hash
	}
	return of
}

// isGood tells whether nothing needs to be read now.
func (r reading) isGood(s *scope) bool { return r.of == ofScope(s) && s.now.Before(r.until) }

// readings remembers, for each Bot, its last reading.
type readings struct {
	mu  sync.Mutex
	all map[types.NamespacedName]reading
}

func newReadings() *readings { return &readings{all: map[types.NamespacedName]reading{}} }

// begin is a reading that was just done.
func (*readings) begin(s *scope, wrong *condition) reading {
	if wrong != nil {
		return reading{until: s.now.Add(missingAgain), wrong: wrong}
	}
	return reading{until: s.now.Add(readEvery + jitter(s.bot.UID))}
}

func (r *readings) last(s *scope) reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[client.ObjectKeyFromObject(s.bot)]
}

// keep remembers a reading whose result is stored.
func (r *readings) keep(s *scope, done reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	done.of = ofScope(s)
	r.all[client.ObjectKeyFromObject(s.bot)] = done
}

// lagging counts the Bots that do not run the newest version of their config.
func (r *readings) lagging() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, last := range r.all {
		if last.lags {
			n++
		}
	}
	return n
}

func (r *readings) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, key)
}

// jitter is from -readJitter to readJitter, always the same for a Bot.
func jitter(uid types.UID) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(uid))
	return time.Duration(h.Sum32()%uint32(2*readJitter/time.Millisecond))*time.Millisecond - readJitter
}
