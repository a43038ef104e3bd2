// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// gate counts the requests that pass, by kind, and tells while one is under way.
type gate struct {
	next     http.RoundTripper
	activity *activity

	writes, reads atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(request *http.Request) (*http.Response, error) {
	switch {
	case request.URL.Query().Get("watch") == "true":
		return g.next.RoundTrip(request)
	case request.Method == http.MethodGet:
		g.reads.Add(1)
	default:
		g.writes.Add(1)
	}
	g.activity.begin()
	defer g.activity.end()
	return g.next.RoundTrip(request)
}

// recorder counts the events and keeps those that warn.
type recorder struct {
	count atomic.Int64

	mu       sync.Mutex
	warnings []string
}

// Eventf implements events.EventRecorder.
//
//nolint:revive // the arguments are the interface's
func (r *recorder) Eventf(regarding, _ runtime.Object, eventType, reason, _, note string, args ...any) {
	r.count.Add(1)
	if eventType != corev1.EventTypeWarning {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, fmt.Sprintf("%T %s: %s", regarding, reason, fmt.Sprintf(note, args...)))
}

// AnnotatedEventf implements events.AnnotatedEventRecorder.
//
//nolint:revive // the arguments are the interface's
func (r *recorder) AnnotatedEventf(
	regarding, related runtime.Object, _ map[string]string, eventType, reason, action, note string, args ...any,
) {
	r.Eventf(regarding, related, eventType, reason, action, note, args...)
}

// warned gives the warnings so far.
func (r *recorder) warned() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.warnings
}
