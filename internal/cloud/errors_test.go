// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestOnlyUnavailableLeavesADoubt(t *testing.T) {
	for kind := Unavailable; kind <= Frozen; kind++ {
		err := fmt.Errorf("creating: %w", &Error{Kind: kind, Op: "creating instance", Message: "no"})
		if got := KindOf(err); got != kind {
			t.Errorf("kind of a wrapped %s is %s", kind, got)
		}
		if got, want := IsDefinite(err), kind != Unavailable; got != want {
			t.Errorf("%s is definite: %v, want %v", kind, got, want)
		}
		if got, want := IsNotFound(err), kind == NotFound; got != want {
			t.Errorf("%s is a 404: %v, want %v", kind, got, want)
		}
	}
	if IsDefinite(errors.New("who knows")) {
		t.Error("an error of unknown origin proves that nothing happened")
	}
	if IsDefinite(nil) || IsNotFound(nil) || IgnoreNotFound(nil) != nil {
		t.Error("no error is taken for one")
	}
}

func TestAnErrorSaysWhatWasTriedAndWhatTheCloudSaid(t *testing.T) {
	cause := errors.New("cause")
	err := &Error{
		Kind: Throttled, Op: "listing instances", Message: "API Rate limit exceeded.", RequestID: "r-1",
		RetryAfter: time.Minute, Err: cause,
	}
	if got, want := err.Error(), "listing instances: API Rate limit exceeded. (request r-1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("a pass: %w", err)
	if Message(wrapped) != err.Message || RetryAfter(wrapped) != time.Minute || !errors.Is(wrapped, cause) {
		t.Error("a wrapped error loses its message, its wait or its cause")
	}
	if Message(cause) != "cause" || RetryAfter(cause) != 0 {
		t.Error("an error of another origin is given what it has not")
	}
	frozen := fmt.Errorf("a pass: %w", &Error{Kind: Frozen, Reason: "AccountMismatch"})
	if Reason(frozen) != "AccountMismatch" || Reason(wrapped) != "" || Reason(cause) != "" {
		t.Error("a wrapped error loses its reason, or another is given one")
	}
	if got := Kind(99).String(); got != "Kind(99)" {
		t.Errorf("an unknown kind is called %q", got)
	}
}
