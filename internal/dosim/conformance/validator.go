// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Validator holds requests and responses to the contract, and fails its test when they break it.
type Validator struct {
	tb       testing.TB
	router   routers.Router // nil: nothing is checked
	excluded []string
}

// FromEnv gives the validator for one test. It fails the test at once if DO_OPENAPI names a file that cannot be used.
// Paths that begin with one of excluded are outside the description and are not checked.
func FromEnv(tb testing.TB, excluded ...string) *Validator {
	tb.Helper()
	if os.Getenv(Env) == "" {
		tb.Logf("%s is not set: requests and responses are not checked against the contract", Env)
		return &Validator{tb: tb}
	}
	router, err := load()
	if err != nil {
		tb.Fatal(err)
	}
	return &Validator{tb: tb, router: router, excluded: excluded}
}

// Enabled tells whether anything is checked.
func (v *Validator) Enabled() bool { return v.router != nil }

// Wrap checks everything that passes through next; nil means http.DefaultTransport. What passes is not changed. Not
// judged are: a request that was refused with a 4xx, which may have been wrong on purpose; a response that is HTML,
// which comes from the network's edge and not from the API; and a response whose body was cut.
func (v *Validator) Wrap(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	if !v.Enabled() {
		return next
	}
	return &transport{v: v, next: next}
}

type transport struct {
	v    *Validator
	next http.RoundTripper
}

// RoundTrip sends the request and checks both directions before the response is handed on.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := readAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request to check it: %w", err)
	}
	forward := r.Clone(r.Context())
	if r.Body != nil {
		forward.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := t.next.RoundTrip(forward)
	if err != nil {
		return nil, err
	}
	if received, whole := receive(response); whole {
		t.v.judge(r, sent, response, received)
	}
	return response, nil
}

// receive reads the body and puts it back as it came; it is not whole if it was cut.
func receive(response *http.Response) (received []byte, whole bool) {
	received, cut := readAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(received))
	if cut != nil {
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(received), failing{cut}))
	}
	return received, cut == nil
}

func (v *Validator) judge(r *http.Request, sent []byte, response *http.Response, received []byte) {
	v.tb.Helper()
	for _, prefix := range v.excluded {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return
		}
	}
	route, vars, err := v.router.FindRoute(r)
	if err != nil {
		v.tb.Errorf("%s %s is not in the contract: %v", r.Method, r.URL.Path, err)
		return
	}
	// A context of our own: the client's may end while its response is being judged.
	ctx := context.WithoutCancel(r.Context())
	input := v.input(ctx, r, sent)
	input.Route, input.PathParams = route, vars
	if response.StatusCode < 400 || response.StatusCode >= 500 {
		if err := openapi3filter.ValidateRequest(ctx, input); err != nil {
			v.tb.Errorf("request %s %s breaks the contract: %v", r.Method, r.URL, err)
		}
	}
	if err := judgeResponse(ctx, input, response, received); err != nil {
		v.tb.Errorf("response %d to %s %s breaks the contract: %v", response.StatusCode, r.Method, r.URL, err)
	}
}

// input copies the request, because judging reads its body.
func (v *Validator) input(ctx context.Context, r *http.Request, sent []byte) *openapi3filter.RequestValidationInput {
	copied := r.Clone(ctx)
	copied.Body = io.NopCloser(bytes.NewReader(sent))
	return &openapi3filter.RequestValidationInput{Request: copied, Options: strict()}
}

func judgeResponse(
	ctx context.Context, input *openapi3filter.RequestValidationInput, response *http.Response, received []byte,
) error {
	status := response.StatusCode
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" {
		return nil
	}
	if status < 400 && input.Route.Operation.Responses.Status(status) == nil {
		return fmt.Errorf("status %d is not documented", status)
	}
	if status == http.StatusNoContent && len(received) > 0 {
		return fmt.Errorf("a 204 has a body of %d bytes", len(received))
	}
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 status,
		Header:                 response.Header,
		Body:                   io.NopCloser(bytes.NewReader(received)),
		Options:                strict(),
	})
}

func readAll(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(body)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return data, err
}

// failing is the rest of a body that was cut.
type failing struct{ err error }

// Read gives the error that cut the body.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
