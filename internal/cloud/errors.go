// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the meaning of a failed call, the only thing about it that controllers decide on.
type Kind int

// The kinds of failure.
const (
	// Unavailable is a timeout, a broken connection, a 5xx or an answer that is not the API's. What was asked may
	// have happened. It is also the kind of every error that did not come from this package.
	Unavailable Kind = iota
	// NotSent is a request that provably never left this process, so it had no effect.
	NotSent
	// NotFound is a 404: nothing of that id is visible with this credential.
	NotFound
	// Throttled is a 429: too many requests. RetryAfter says how long to wait, when the cloud said it.
	Throttled
	// Exhausted is a refusal for want of quota or capacity: the same request can succeed later.
	Exhausted
	// Busy is a refusal because another action on the instance is still running.
	Busy
	// Refused is any other 4xx: the same request will be refused again.
	Refused
	// Unauthorized is a 401 or a 403: the credential is wrong, revoked, or lacks a permission.
	Unauthorized
	// Frozen is a call that we kept from the cloud ourselves, because what it would do or find might not be our
	// fleet's; it had no effect. Reason says why, and a person must act.
	Frozen
)

// String is the kind's name, used in logs and as a metric label.
func (k Kind) String() string {
	names := [...]string{
		"Unavailable", "NotSent", "NotFound", "Throttled", "Exhausted", "Busy", "Refused", "Unauthorized", "Frozen",
	}
	if int(k) < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Error is a failed call. Its text is fit for a status condition: it holds the cloud's own message and request id,
// never a body, a header or a credential.
type Error struct {
	// Kind is the meaning of the failure.
	Kind Kind
	// Op says what was tried, as a gerund phrase: "creating instance".
	Op string
	// Message is the cloud's own sentence, or a short description of the transport's failure.
	Message string
	// Reason is, for Frozen only, the reason that a condition gives.
	Reason string
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// RequestID is the cloud's name for the request, for its support; empty when not told.
	RequestID string
	// RetryAfter is how long the cloud asked us to wait, 0 when it did not.
	RetryAfter time.Duration
	// Err is the cause, for errors.Is and errors.As.
	Err error
}

// Error gives the operation, the message, and the request id when there is one.
func (e *Error) Error() string {
	if e.RequestID == "" {
		return e.Op + ": " + e.Message
	}
	return e.Op + ": " + e.Message + " (request " + e.RequestID + ")"
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the meaning of err. An error that is not an *Error is Unavailable.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unavailable
}

// IsNotFound tells whether err is a 404.
func IsNotFound(err error) bool { return err != nil && KindOf(err) == NotFound }

// IgnoreNotFound is nil when err is a 404, else err.
func IgnoreNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// IsDefinite tells whether err proves that the call had no effect. Only then may a create be tried again.
func IsDefinite(err error) bool { return err != nil && KindOf(err) != Unavailable }

// RetryAfter is how long the cloud asked us to wait, 0 when it did not.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// Reason is why a Frozen call was kept from the cloud, empty for every other err.
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// Message is the cloud's own sentence about err, fit for a condition.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
