// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// contract is docs/protocol.yaml. Every exchange of these tests is held to it.
var contract = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/protocol.yaml")
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

// hold fails the test when an exchange is not as the contract has it. What was refused may have been wrong on purpose.
func hold(t *testing.T, request *http.Request, sent []byte, got reply) {
	t.Helper()
	router, err := contract()
	if err != nil {
		t.Errorf("the contract is broken: %v", err)
		return
	}
	route, params, err := router.FindRoute(request)
	if err != nil || strings.HasSuffix(request.URL.Path, "/") { // which the router does not mind, and the gateway does
		if got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is answered %d, and is not in the contract", request.Method, request.URL.Path, got.status)
		}
		return
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
	}
	if len(sent) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Body = io.NopCloser(bytes.NewReader(sent))
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: params, Route: route, Options: options,
	}
	if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil && got.status < 400 {
		t.Errorf("%s %s with %s is answered %d, and breaks the contract: %v",
			request.Method, request.URL.Path, sent, got.status, err)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: got.status, Header: got.header, Options: options,
		Body: io.NopCloser(strings.NewReader(got.body)),
	})
	if err != nil {
		t.Errorf("%s %s: the answer %d %s breaks the contract: %v",
			request.Method, request.URL.Path, got.status, got.body, err)
	}
}

// TestEveryCallIsInTheContractAndTheReverse: the tests of the calls hold what is said to it.
func TestEveryCallIsInTheContractAndTheReverse(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/protocol.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{
		protocol.RegisterPath: "POST", protocol.HeartbeatPath: "POST", protocol.ConfigPath: "GET",
		protocol.CredentialPath: "POST", protocol.AgentPath + "{digest}": "GET", "/healthz": "GET", "/readyz": "GET",
	} {
		if item := doc.Paths.Value(path); item == nil || item.GetOperation(method) == nil {
			t.Errorf("%s %s is not in the contract", method, path)
		}
	}
	r := startReplica(t, "contract")
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			got := r.call(t, method, strings.ReplaceAll(path, "{digest}", "00"), nil)
			if got.status == http.StatusMethodNotAllowed || got.status == http.StatusNotFound && !strings.Contains(path, "{") {
				t.Errorf("%s %s is in the contract only: %d", method, path, got.status)
			}
		}
	}
	codes := doc.Components.Schemas["Problem"].Value.Properties["code"].Value.Enum
	if len(codes) != 9 {
		t.Errorf("the contract has %d codes", len(codes))
	}
}
