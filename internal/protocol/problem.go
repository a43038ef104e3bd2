// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import "fmt"

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// Code says why a request was refused. For each there is one body, so that nobody learns more from it than the code.
type Code string

// The codes.
const (
	// CodeUnauthorized is 401: the token or credential is not one of this machine.
	CodeUnauthorized Code = "unauthorized"
	// CodeTokenUsed is 409: the registration token was traded for another credential. Somebody else has it.
	CodeTokenUsed Code = "token_used"
	// CodeTokenExpired is 410: the registration token is too old, or that of an earlier machine.
	CodeTokenExpired Code = "token_expired"
	// CodeBadRequest is 400: what was sent is not what the call takes.
	CodeBadRequest Code = "bad_request"
	// CodeTooLarge is 413: more was sent than may be.
	CodeTooLarge Code = "too_large"
	// CodeNotFound is 404, and CodeMethodNotAllowed is 405: there is no such call.
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	// CodeTooMany is 429: ask again after Retry-After.
	CodeTooMany Code = "too_many_requests"
	// CodeUnavailable is 503: we cannot tell now; ask again after Retry-After.
	CodeUnavailable Code = "unavailable"
)

// Problem is the body of a refusal, as RFC 9457 has it.
type Problem struct {
	// Title says for people what the code says.
	Title string `json:"title"`
	// Status is that of the response.
	Status int `json:"status"`
	// Code is why.
	Code Code `json:"code"`
	// RequestID finds the request in the gateway's log.
	RequestID string `json:"requestId"`
}

// Error implements error.
func (p *Problem) Error() string {
	return fmt.Sprintf("the gateway says %d %s (%s, request %s)", p.Status, p.Title, p.Code, p.RequestID)
}
