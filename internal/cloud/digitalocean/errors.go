// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// maxText keeps a message fit for a condition; the API's longest known sentence has about 120 characters.
	maxText = 300
	// minPause is the least we wait when the hour is used up: at that rate a slot frees every 0.7 s, and asking
	// more often would only spend what others of this token wait for.
	minPause = 5 * time.Second
	// maxPause is the most we wait for any reason: the API counts a request for one hour.
	maxPause = time.Hour
	// blindPause is how long we wait when the hour is used up and the API does not say until when.
	blindPause = time.Minute
)

// What the API says in a 422 that the same request need not get again. The wording is all there is to go by.
var (
	// "Droplet already has a pending event."
	busyWords = []string{"pending event"}
	// "creating this/these droplet(s) will exceed your droplet limit"; "Size is not available in this region." and
	// its kin, which come and go with the region's capacity.
	exhaustedWords = []string{
		"droplet limit", "size is not available", "size is currently not available", "currently unavailable",
		"capacity",
	}
)

// secrets are the shapes of DigitalOcean's tokens, should a peer repeat one to us.
var secrets = regexp.MustCompile(`\b(?:dop|doo|dor)_v1_\w+|(?i:bearer)\s+\S+`)

// refused is a request that this package would not send, because of what it asks.
func refused(op, message string) error {
	return &cloud.Error{Kind: cloud.Refused, Op: op, Message: message}
}

// notSent is a request that this package did not send, because its caller was gone.
func notSent(op string, cause error) error {
	return &cloud.Error{Kind: cloud.NotSent, Op: op, Message: oneLine(cause.Error()), Err: cause}
}

// incomplete is a list of which some may be missing.
func incomplete(op, message string) error {
	return &cloud.Error{Kind: cloud.Unavailable, Op: op, Message: "incomplete list: " + message}
}

// explain gives the failure of one request its meaning, from what was seen of it rather than from godo's error, which
// drops headers and holds the URL.
func explain(op string, x *exchange, err error, now time.Time) error {
	var own *cloud.Error
	if errors.As(err, &own) {
		e := *own
		e.Op = op
		return &e
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its text would show the URL
	}
	switch {
	case x.neverSent():
		return &cloud.Error{Kind: cloud.NotSent, Op: op, Message: "request not sent: " + x.line(err.Error()), Err: err}
	case x.answer == nil:
		return &cloud.Error{Kind: cloud.Unavailable, Op: op, Message: x.silence(err), Err: err}
	case isSuccess(x.answer.status):
		return &cloud.Error{
			Kind: cloud.Unavailable, Op: op, Message: "unusable answer: " + x.line(err.Error()),
			Status: x.answer.status, RequestID: x.requestID(""), Err: err,
		}
	}
	return x.refusal(op, now)
}

func (x *exchange) silence(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "no answer: " + x.line(err.Error())
}

// refusalBody is the API's error. An answer without id and message is somebody else's: a proxy's or an edge's, which
// cannot know what became of the request. Only a bad tag is refused in another shape, known by its root causes.
type refusalBody struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`

	Cause      string   `json:"error"`
	RootCauses []string `json:"root_causes"`
}

func (b refusalBody) message() string {
	if b.RootCauses == nil {
		return cmp.Or(b.Message, b.ID)
	}
	return cmp.Or(b.Message, b.ID, b.Cause)
}

// refusal is the meaning of an answer that is not a success. Its cause stays empty: godo's error holds the request,
// and with it the token.
func (x *exchange) refusal(op string, now time.Time) error {
	a := x.answer
	e := &cloud.Error{Kind: cloud.Unavailable, Op: op, Status: a.status, RetryAfter: a.pause(now)}
	var body refusalBody
	if a.readErr != nil || json.Unmarshal(a.body, &body) != nil || body.message() == "" {
		e.Message = "HTTP " + strconv.Itoa(a.status) + " that is not the API's"
		e.RequestID = x.requestID("")
		return e
	}
	e.Kind = kindOf(a.status, body.Message)
	e.Message = x.line(body.message())
	e.RequestID = x.requestID(body.RequestID)
	return e
}

// kindOf is the meaning of an error in the API's own words.
func kindOf(status int, message string) cloud.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return cloud.Unauthorized
	case status == http.StatusNotFound:
		return cloud.NotFound
	case status == http.StatusTooManyRequests:
		return cloud.Throttled
	case status == http.StatusUnprocessableEntity && says(message, busyWords):
		return cloud.Busy
	case status == http.StatusUnprocessableEntity && says(message, exhaustedWords):
		return cloud.Exhausted
	case status == http.StatusRequestTimeout: // the server gave up waiting for us, or an edge for the server
		return cloud.Unavailable
	case status/100 == 4:
		return cloud.Refused
	}
	return cloud.Unavailable
}

func says(message string, words []string) bool {
	message = strings.ToLower(message)
	for _, w := range words {
		if strings.Contains(message, w) {
			return true
		}
	}
	return false
}

// pause is how long the answer asks us to wait. The API sends retry-after when the minute is used up but not when the
// hour is: then ratelimit-reset is the instant at which the oldest request stops counting and one slot frees.
func (a *answer) pause(now time.Time) time.Duration {
	if told := retryAfter(a.header.Get("Retry-After"), now); told > 0 {
		return min(told, maxPause)
	}
	if a.status != http.StatusTooManyRequests {
		return 0
	}
	reset, err := strconv.ParseInt(a.header.Get("Ratelimit-Reset"), 10, 64)
	if err != nil || reset <= 0 {
		return blindPause
	}
	return min(max(time.Unix(reset, 0).Sub(now), minPause), maxPause)
}

// retryAfter reads the header of that name: seconds or a date; 0 when it says neither.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxPause/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

func (x *exchange) requestID(inBody string) string {
	return x.line(cmp.Or(inBody, x.answer.header.Get("X-Request-Id")))
}

// line is oneLine without the token of this very request, whatever shape it has.
func (x *exchange) line(text string) string {
	if x.token != "" {
		text = strings.ReplaceAll(text, x.token, "[redacted]")
	}
	return oneLine(text)
}

// oneLine makes a stranger's text fit for a condition and for a log.
func oneLine(text string) string {
	text = secrets.ReplaceAllString(text, "[redacted]")
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return text
}
