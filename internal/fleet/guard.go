// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/scope"
)

// failurePause is how long a verification that could not be completed is not tried again: all who wait for it share the
// answer, rather than wait one after another for a cloud that is down.
const failurePause = 5 * time.Second

// Cloud is what one token opens.
type Cloud interface {
	cloud.API
	cloud.Accounts
}

// Options are what a Guard needs. All but the flags and Namespaces are required.
type Options struct {
	// Token gives the current token; it must be fast and safe for concurrent use.
	Token func() string
	// Dial connects to the cloud with one token for good, so that a call never goes out with another token than the
	// one that was verified for it. It sends nothing.
	Dial func(token string) (Cloud, error)
	// API reads and writes the API server itself, without a cache.
	API client.Client
	// Namespaces are the only ones whose Droplets may be read; none means all.
	Namespaces scope.Namespaces
	// Namespace is the manager's own, where the fleet record is.
	Namespace string
	// Identity is who this manager is.
	Identity Identity
	// NewFleet and TakeOver are the flags of these names.
	NewFleet, TakeOver bool
	// Recorder takes events, about the fleet record.
	Recorder events.EventRecorder
	// Clock is the time.
	Clock clock.WithTicker
}

// Guard is cloud.Instances behind a verification of the token: once for every token value before any other call with
// it, and again every minute while it is not good. It is safe for concurrent use. It is a manager.Runnable, and a
// Prometheus collector that whoever made it registers.
type Guard struct {
	token              func() string
	dial               func(token string) (Cloud, error)
	records            *records
	who                Identity
	newFleet, takeOver bool
	namespaces         scope.Namespaces
	recorder           events.EventRecorder
	clock              clock.WithTicker

	busy    chan struct{} // holds one item while a token is being verified
	latest  atomic.Pointer[session]
	verdict atomic.Pointer[verdict] // the last that was reached; one without reason when calls pass

	mu        sync.Mutex // guards listeners
	listeners []*listener
}

type listener struct{ hear func() }

var _ cloud.API = (*Guard)(nil)

// New makes a Guard that has verified nothing yet.
func New(o Options) *Guard {
	return &Guard{
		token: o.Token, dial: o.Dial, who: o.Identity, newFleet: o.NewFleet, takeOver: o.TakeOver, namespaces: o.Namespaces,
		records:  &records{api: o.API, writer: o.API, namespace: o.Namespace},
		recorder: o.Recorder, clock: o.Clock, busy: make(chan struct{}, 1),
	}
}

// session is one token value and what is known of it. Calls that are under way keep theirs when the token changes.
type session struct {
	digest  [sha256.Size]byte // of the token, which itself is only in api
	api     Cloud
	verdict *verdict  // nil when calls pass
	failure error     // why the verification could not be completed
	until   time.Time // when verdict or failure is looked at anew
	suspect atomic.Bool
}

// stands tells whether what is known of a session can still be relied on.
func (s *session) stands(digest [sha256.Size]byte, now time.Time) bool {
	if s == nil || s.digest != digest || s.suspect.Load() {
		return false
	}
	return s.verdict == nil && s.failure == nil || now.Before(s.until)
}

// note remembers an answer that says that the token is not valid any more: it is verified anew before the next call. A
// 403 says only that it lacks a permission.
func (s *session) note(err error) {
	var e *cloud.Error
	if errors.As(err, &e) && e.Kind == cloud.Unauthorized && e.Status == http.StatusUnauthorized {
		s.suspect.Store(true)
	}
}

// current is the session of the present token, verified if that is due. The error is that of a ctx that is done.
func (g *Guard) current(ctx context.Context) (*session, error) {
	if s := g.latest.Load(); s.stands(g.digest(), g.clock.Now()) {
		return s, nil
	}
	select {
	case g.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-g.busy }()
	before := g.latest.Load()
	if before.stands(g.digest(), g.clock.Now()) {
		return before, nil // somebody was faster
	}
	s := g.open(ctx, before)
	if err := ctx.Err(); err != nil {
		return nil, err // others must not be told that it failed
	}
	g.latest.Store(s)
	g.announce(ctx, s)
	return s, nil
}

func (g *Guard) digest() [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.TrimSpace(g.token())))
}

// open verifies the present token. A verdict that was reached with it stands until another is: that we cannot ask is no
// news about whose the token is.
func (g *Guard) open(ctx context.Context, before *session) *session {
	token := strings.TrimSpace(g.token())
	s := &session{digest: sha256.Sum256([]byte(token))}
	same := before != nil && before.digest == s.digest
	var err error
	if same && before.api != nil {
		s.api = before.api
	} else {
		s.api, err = g.dial(token)
	}
	if err == nil {
		s.verdict, err = g.verify(ctx, s.api)
	}
	switch now := g.clock.Now(); {
	case err != nil && same && before.verdict != nil:
		s.verdict, s.until = before.verdict, now.Add(failurePause)
	case err != nil:
		s.failure, s.until = err, now.Add(failurePause)
	case s.verdict != nil:
		s.until = now.Add(s.verdict.again)
	}
	return s
}
