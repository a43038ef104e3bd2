// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/dosim/conformance"
)

// recorder is a test that is not failed but asked afterwards what it was told.
type recorder struct {
	testing.TB
	logs, errors []string
}

func (r *recorder) Helper() {}

func (r *recorder) Logf(format string, args ...any) {
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// canned answers every request in the same way.
type canned struct {
	status      int
	body        string
	contentType string
	cut         error
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	header := http.Header{}
	header.Set("Content-Type", c.contentType)
	if c.contentType == "" {
		header.Set("Content-Type", "application/json")
	}
	var body io.Reader = strings.NewReader(c.body)
	if c.cut != nil {
		body = io.MultiReader(body, broken{c.cut})
	}
	return &http.Response{StatusCode: c.status, Header: header, Body: io.NopCloser(body), Request: r}, nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

const (
	goodTags   = `{"tags":[{"name":"a"}],"meta":{"total":1},"links":{}}`
	goodAction = `{"action":{"id":1,"status":"completed","started_at":"2026-03-01T12:00:00Z","completed_at":null}}`
	goodVPC    = `{"vpc":{"id":"11111111-1111-4111-8111-111111111111"}}`
	missing    = `{"id":"not_found","message":"no"}`
)

func TestWhatBreaksTheContract(t *testing.T) {
	if os.Getenv(conformance.Env) == "" {
		t.Skipf("%s does not name the API description", conformance.Env)
	}
	for name, test := range map[string]struct {
		method, path, sent string
		answer             canned
		want               string // in the complaint; empty for none
	}{
		"a good list":                 {"GET", "/v2/tags", "", canned{status: 200, body: goodTags}, ""},
		"a list without its total":    {"GET", "/v2/tags", "", canned{status: 200, body: `{"tags":[]}`}, "meta"},
		"a page that is too long":     {"GET", "/v2/tags?per_page=201", "", canned{status: 200, body: goodTags}, "request"},
		"the same, but it is refused": {"GET", "/v2/tags?per_page=201", "", canned{status: 422, body: missing}, ""},
		"a body of the wrong type":    {"POST", "/v2/tags", `{"name":7}`, canned{status: 500, body: missing}, "request"},
		"a path nobody knows":         {"GET", "/v2/toasters", "", canned{status: 404, body: missing}, "not in the contract"},
		"a path that is excluded":     {"GET", "/v2/internal/x", "", canned{status: 200, body: "?"}, ""},
		"a status nobody knows":       {"GET", "/v2/tags", "", canned{status: 203, body: goodTags}, "not documented"},
		"an error without a message":  {"GET", "/v2/tags", "", canned{status: 404, body: `{"id":"x"}`}, "message"},
		"a 204 with a body":           {"DELETE", "/v2/tags/a", "", canned{status: 204, body: "{}"}, "a 204 has a body"},
		"a page of the edge": {"GET", "/v2/tags", "",
			canned{status: 504, body: "<p>", contentType: "text/html"}, ""},
		"plain text": {"GET", "/v2/tags", "",
			canned{status: 200, body: "a", contentType: "text/plain"}, "text/plain"},
		"a good action": {"GET", "/v2/actions/1", "", canned{status: 200, body: goodAction}, ""},
		"a state nobody knows": {"GET", "/v2/actions/1", "", canned{status: 200,
			body: strings.ReplaceAll(goodAction, "completed\"", "done\"")}, "status"},
		"a time that is no time": {"GET", "/v2/actions/1", "", canned{status: 200,
			body: strings.ReplaceAll(goodAction, "T12", "-12")}, "started_at"},
		"a good network": {"GET", "/v2/vpcs/11111111-1111-4111-8111-111111111111", "",
			canned{status: 200, body: goodVPC}, ""},
		"an id that is no uuid": {"GET", "/v2/vpcs/11111111-1111-4111-8111-111111111111", "",
			canned{status: 200, body: `{"vpc":{"id":"x"}}`}, "id"},
	} {
		t.Run(name, func(t *testing.T) {
			told := &recorder{TB: t}
			transport := conformance.FromEnv(told, "/v2/internal/").Wrap(test.answer)
			request := sending{method: test.method, path: test.path, body: test.sent}
			request.returns(t, transport, test.answer.body, nil)
			complaint := strings.Join(told.errors, "\n")
			if test.want == "" && complaint != "" || !strings.Contains(complaint, test.want) {
				t.Errorf("complaint %q, want %q in it", complaint, test.want)
			}
		})
	}
}

func TestACutBodyIsPassedOn(t *testing.T) {
	told := &recorder{TB: t}
	transport := conformance.FromEnv(told).Wrap(canned{status: 200, body: `{"tags":[`, cut: io.ErrUnexpectedEOF})
	sending{method: "GET", path: "/v2/tags"}.returns(t, transport, `{"tags":[`, io.ErrUnexpectedEOF)
	if len(told.errors) != 0 {
		t.Errorf("complaints: %q", told.errors)
	}
}

func TestWithoutTheDescriptionNothingIsChecked(t *testing.T) {
	t.Setenv(conformance.Env, "")
	told := &recorder{TB: t}
	validator := conformance.FromEnv(told)
	sending{method: "GET", path: "/v2/toasters"}.returns(t, validator.Wrap(canned{status: 200, body: "?"}), "?", nil)
	if validator.Enabled() || len(told.errors) != 0 || len(told.logs) != 1 {
		t.Errorf("enabled %t, complaints %q, logs %q", validator.Enabled(), told.errors, told.logs)
	}
	if validator.Wrap(nil) != http.DefaultTransport {
		t.Error("nil is not the default transport")
	}
}

type sending struct{ method, path, body string }

// returns checks that what comes back is what was answered.
func (s sending) returns(t *testing.T, transport http.RoundTripper, wantBody string, wantErr error) {
	t.Helper()
	var reader io.Reader
	if s.body != "" {
		reader = bytes.NewReader([]byte(s.body))
	}
	r, err := http.NewRequestWithContext(t.Context(), s.method, "http://127.0.0.1"+s.path, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); closing != nil {
		t.Error(closing)
	}
	if string(got) != wantBody || !errors.Is(err, wantErr) {
		t.Errorf("got %q and %v, want %q and %v", got, err, wantBody, wantErr)
	}
}
