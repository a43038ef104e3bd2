// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import "net/http"

// reply is what a handler answers. The body is encoded after the lock was released: it must share nothing that
// changes with the simulated world.
type reply struct {
	status int
	body   any // nil for none
	html   bool
	retry  int // seconds; 0 for no retry-after
}

// problemBody is the body of every error but one: see badTag.
type problemBody struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	RequestID string `json:"request_id,omitempty"`
}

func ok(body any) reply                  { return reply{status: http.StatusOK, body: body} }
func created(body any) reply             { return reply{status: http.StatusCreated, body: body} }
func accepted(body any) reply            { return reply{status: http.StatusAccepted, body: body} }
func noContent() reply                   { return reply{status: http.StatusNoContent} }
func unknownRoute(*call) reply           { return notFound() }
func unprocessable(message string) reply { return refuse(422, "unprocessable_entity", message) }

func refuse(status int, id, message string) reply {
	return reply{status: status, body: &problemBody{ID: id, Message: message}}
}

func notFound() reply {
	return refuse(http.StatusNotFound, "not_found", "The resource you requested could not be found.")
}

// pendingEvent is how the service says that an instance does one thing at a time.
func pendingEvent() reply { return unprocessable("Droplet already has a pending event.") }

// badTag is the one error of another shape: tags answer 400 with root causes.
func badTag(cause string) reply {
	return reply{status: http.StatusBadRequest, body: map[string]any{
		"error": cause, "messages": nil, "root_causes": []string{},
	}}
}

// edgePage is what the edge network answers when it has lost the service behind it.
const edgePage = "<!DOCTYPE html>\n<html><head><title>Gateway time-out</title></head><body></body></html>\n"

// defaultProblems are the ids and messages by status that scripted errors have unless they say otherwise.
func defaultProblem(status int) (id, message string) {
	switch status {
	case http.StatusUnauthorized:
		return "unauthorized", "Unable to authenticate you."
	case http.StatusForbidden:
		return "forbidden", "You do not have access for the attempted action."
	case http.StatusNotFound:
		return "not_found", "The resource you requested could not be found."
	case http.StatusConflict:
		return "conflict", "The request could not be completed due to a conflict."
	case http.StatusUnprocessableEntity:
		return "unprocessable_entity", "The request could not be processed."
	case http.StatusTooManyRequests:
		return "too_many_requests", "API rate limit exceeded."
	default:
		return "server_error", "Unexpected server-side error"
	}
}
