// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Some verbs read although they are not called so: what is patched or deleted is answered with, in a dry run too.
func TestAnOperatorWhoMayWriteSecretsCannotReadThem(t *testing.T) {
	const value = "a value that nobody is told"
	boss := withTenants(t)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: north, Name: "private"}, StringData: map[string]string{"key": value},
	}
	if err := boss.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = boss.Delete(context.WithoutCancel(t.Context()), secret) })
	const all, one = "/api/v1/namespaces/" + north + "/secrets", "/api/v1/namespaces/" + north + "/secrets/private"
	const metadata = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"private"%s}}`
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	for _, ask := range []struct {
		method, path, kind, body string
		tells                    bool // whoever may
	}{
		{http.MethodGet, one, "", "", true},
		{http.MethodGet, all, "", "", true},
		{http.MethodGet, all + "?watch=true&timeoutSeconds=1", "", "", true},
		{http.MethodPatch, one + "?dryRun=All", "application/merge-patch+json", `{}`, true},
		{
			http.MethodPatch, one + "?dryRun=All&fieldManager=spy", "application/apply-patch+yaml",
			fmt.Sprintf(metadata, ""), true,
		},
		{http.MethodDelete, one + "?dryRun=All&propagationPolicy=Orphan", "", "", true},
		{http.MethodDelete, all + "?dryRun=All", "", "", true},
		{http.MethodPost, all + "?dryRun=All", "application/json", fmt.Sprintf(metadata, ""), false},
		{http.MethodPut, one + "?dryRun=All", "application/json", fmt.Sprintf(metadata, ""), false},
		{
			http.MethodPut, one + "?dryRun=All", "application/json",
			fmt.Sprintf(metadata, `,"finalizers":["example.com/x"]`), false,
		},
	} {
		what := ask.method + " " + strings.TrimPrefix(ask.path, all)
		administrator := person{"root", "system:masters"}
		told := administrator.asks(t, ask.method, ask.path, ask.kind, ask.body)
		if strings.Contains(told, encoded) != ask.tells {
			t.Errorf("%s of an administrator tells %s", what, told)
		}
		if told := operator.asks(t, ask.method, ask.path, ask.kind, ask.body); strings.Contains(told, encoded) {
			t.Errorf("%s of an operator tells %s", what, told)
		}
	}
}

// asks sends a request as somebody, and gives the body of the answer.
func (p person) asks(t *testing.T, method, path, kind, body string) string {
	t.Helper()
	config := rest.CopyConfig(cluster.plane.Config())
	config.Impersonate.UserName, config.Impersonate.Groups = p.name, []string{p.group, "system:authenticated"}
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(config.Host, "/") + path
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	told, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(told)
}
