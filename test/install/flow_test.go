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
)

// The API server says in each answer what it made of the request's priority.
func TestTheManagersRequestsHaveALevelThatTenantsDoNotFill(t *testing.T) {
	plane := withManager(t)
	api, _ := admin(t)
	var schema flowcontrolv1.FlowSchema
	if err := api.Get(t.Context(), client.ObjectKey{Name: "open-spawn"}, &schema); err != nil {
		t.Fatal(err)
	}
	config, err := plane.ServiceAccountConfig(t.Context(), systemNamespace, managerAccount)
	if err != nil {
		t.Fatal(err)
	}
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	const header = "X-Kubernetes-Pf-Flowschema-Uid"
	path := strings.TrimSuffix(config.Host, "/") + "/apis/spawn.cedros.io/v1alpha1/bots"
	var got string
	for range 100 { // it takes the API server a moment
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := caller.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got = response.Header.Get(header); got == string(schema.UID) {
			return
		}
	}
	t.Errorf("the schema of the manager's requests is %q, want %s", got, schema.UID)
}
