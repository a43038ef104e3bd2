// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// patience is when to ask again when we cannot tell.
const patience = 5 * time.Second

// refusal is why a request is not answered as it was meant. Whoever asked is told the code only.
type refusal struct {
	code  protocol.Code
	after time.Duration
	cause error
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%s: %v", r.code, r.cause) }

// Unwrap gives the cause.
func (r *refusal) Unwrap() error { return r.cause }

func refuse(code protocol.Code, why string) error {
	return &refusal{code: code, cause: errors.New(why)}
}

// unavailable is for what is our own trouble.
func unavailable(cause error) error {
	return &refusal{code: protocol.CodeUnavailable, after: patience, cause: cause}
}

func tooMany(after time.Duration, why string) error {
	return &refusal{code: protocol.CodeTooMany, after: after, cause: errors.New(why)}
}

// problems are the bodies, one for each code.
var problems = map[protocol.Code]protocol.Problem{
	protocol.CodeUnauthorized:     {Status: http.StatusUnauthorized, Title: "The token or credential is not valid here."},
	protocol.CodeTokenUsed:        {Status: http.StatusConflict, Title: "The registration token was used."},
	protocol.CodeTokenExpired:     {Status: http.StatusGone, Title: "The registration token has expired."},
	protocol.CodeBadRequest:       {Status: http.StatusBadRequest, Title: "The request is not what this call takes."},
	protocol.CodeTooLarge:         {Status: http.StatusRequestEntityTooLarge, Title: "The request is too large."},
	protocol.CodeNotFound:         {Status: http.StatusNotFound, Title: "There is no such call."},
	protocol.CodeMethodNotAllowed: {Status: http.StatusMethodNotAllowed, Title: "The call has another method."},
	protocol.CodeTooMany:          {Status: http.StatusTooManyRequests, Title: "Too many requests; ask again later."},
	protocol.CodeUnavailable:      {Status: http.StatusServiceUnavailable, Title: "Not available now; ask again later."},
}

// refusalOf is what an error means for who asked: what has no meaning is our own trouble.
func refusalOf(err error) *refusal {
	var r *refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &tooLarge):
		return &refusal{code: protocol.CodeTooLarge, cause: err}
	}
	return &refusal{code: protocol.CodeUnavailable, after: patience, cause: err}
}

// problem is the body for a request.
func (r *refusal) problem(requestID string) protocol.Problem {
	p := problems[r.code]
	p.Code, p.RequestID = r.code, requestID
	return p
}

// retryAfter is the header in whole seconds, never less than it takes; 0 when there is none.
func (r *refusal) retryAfter() int { return int(math.Ceil(r.after.Seconds())) }
