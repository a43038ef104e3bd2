// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"net/http"
	"strings"
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

// The API server says in each answer what it made of the request's priority.
func TestOurRequestsHaveALevelThatTenantsDoNotFill(t *testing.T) {
	plane := withManager(t)
	for _, test := range []struct{ schema, account, path string }{
		{"open-spawn", managerAccount, "/apis/spawn.cedros.io/v1alpha1/bots"},
		{gatewayName, gatewayAccount, "/api/v1/namespaces/" + delivery.Namespace + "/secrets"},
	} {
		t.Run(test.account, func(t *testing.T) {
			api, _ := admin(t)
			var schema flowcontrolv1.FlowSchema
			if err := api.Get(t.Context(), client.ObjectKey{Name: test.schema}, &schema); err != nil {
				t.Fatal(err)
			}
			config, err := plane.ServiceAccountConfig(t.Context(), systemNamespace, test.account)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for range 100 { // it takes the API server a moment
				if got = schemaOf(t, config, test.path); got == string(schema.UID) {
					return
				}
			}
			t.Errorf("the schema of the %s's requests is %q, want %s", test.account, got, schema.UID)
		})
	}
}

// schemaOf is the uid of the FlowSchema that a request was counted for.
func schemaOf(t *testing.T, config *rest.Config, path string) string {
	t.Helper()
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(config.Host, "/") + path
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Header.Get("X-Kubernetes-Pf-Flowschema-Uid")
}
