// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// pollInterval and pollTimeout bound every wait in these tests.
	pollInterval = 50 * time.Millisecond
	pollTimeout  = 30 * time.Second
)

// plane is shared by the tests that only use one.
var plane *Plane

func TestMain(m *testing.M) {
	if dir := os.Getenv(abandonVariable); dir != "" {
		abandon(dir)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	log.SetLogger(logr.Discard())
	var err error
	plane, err = Start(context.Background(), Options{
		ControllerManager: true, AuditLevel: AuditMetadata, Output: os.Stderr,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestVersionsAreStamped(t *testing.T) {
	want, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	if want != "v1.37.2" {
		t.Errorf("Version() = %s, want v1.37.2", want)
	}
	api, err := discovery.NewDiscoveryClientForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	served, err := api.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if served.GitVersion != want {
		t.Errorf("/version says %s, want %s", served.GitVersion, want)
	}

	output, err := plane.Kubectl(t.Context(), "version", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var versions struct {
		ClientVersion, ServerVersion struct{ GitVersion string }
	}
	if err := json.Unmarshal(output, &versions); err != nil {
		t.Fatalf("kubectl version printed %s: %v", output, err)
	}
	if versions.ClientVersion.GitVersion != want || versions.ServerVersion.GitVersion != want {
		t.Errorf("kubectl version = %+v, want %s twice", versions, want)
	}
}

func TestSecretsAreEncryptedAtRest(t *testing.T) {
	const plaintext = "correct-horse-battery-staple"
	namespace := createNamespace(t, nil)
	meta := metav1.ObjectMeta{Namespace: namespace.Name, Name: "at-rest"}
	create(t, &corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"word": plaintext}})
	create(t, &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"word": plaintext}})

	secret := stored(t, "/registry/secrets/"+namespace.Name+"/at-rest")
	if !bytes.HasPrefix(secret, []byte("k8s:enc:secretbox:v1:")) || bytes.Contains(secret, []byte(plaintext)) {
		t.Errorf("the Secret is stored as %q, want it encrypted", secret)
	}
	// What is not secret is readable, which shows that the look into etcd sees what there is to see.
	config := stored(t, "/registry/configmaps/"+namespace.Name+"/at-rest")
	if !bytes.Contains(config, []byte(plaintext)) {
		t.Errorf("the ConfigMap is stored as %q, want its plaintext", config)
	}
}

func TestDeletedNamespacesGoAwayWithTheirContent(t *testing.T) {
	namespace := createNamespace(t, nil)
	content := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "content"}}
	create(t, content)
	if err := admin(t).Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, namespace)
	awaitGone(t, content)
}

func TestGarbageIsCollected(t *testing.T) {
	namespace := createNamespace(t, nil)
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "owner"}}
	create(t, owner)
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace.Name, Name: "owned",
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID,
		}},
	}}
	create(t, owned)
	if err := admin(t).Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, owned)
}

func TestPrivilegedPodsAreRefusedWhereRestrictedIsEnforced(t *testing.T) {
	namespace := createNamespace(t, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "careless"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "one", Image: "example.com/one"}}},
	}
	var err error
	poll(t, "an answer from pod security", func(ctx context.Context) (bool, error) {
		// Until the namespace has its service account, the ServiceAccount plugin answers first.
		err = admin(t).Create(ctx, pod)
		return err == nil || !strings.Contains(err.Error(), "serviceaccount"), nil
	})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("creating the pod: %v, want it forbidden by PodSecurity", err)
	}
}

func TestUsersMayDoNothingWithoutRBAC(t *testing.T) {
	path, err := plane.KubeconfigFor("some/one", "some:group")
	if err != nil {
		t.Fatal(err)
	}
	output, err := plane.Kubectl(t.Context(), "--kubeconfig="+path, "get", "secrets", "--all-namespaces")
	if err == nil || !strings.Contains(err.Error(), `(Forbidden)`) || !strings.Contains(err.Error(), `"some/one"`) {
		t.Errorf("listing secrets: %v, output %q, want 403 for some/one", err, output)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig's mode is %v, want 0600", info.Mode().Perm())
	}
}

func TestServiceAccountsAreThemselves(t *testing.T) {
	path, err := plane.ServiceAccountKubeconfig(t.Context(), "default", "default")
	if err != nil {
		t.Fatal(err)
	}
	output, err := plane.Kubectl(t.Context(), "--kubeconfig="+path, "auth", "whoami", "-o",
		"jsonpath={.status.userInfo.username}")
	if err != nil {
		t.Fatal(err)
	}
	if want := "system:serviceaccount:default:default"; string(output) != want {
		t.Errorf("whoami = %s, want %s", output, want)
	}
}

func TestRequestsAreAudited(t *testing.T) {
	namespace := createNamespace(t, nil)
	create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "audited"}})
	// The event is written once the response is on its way, and a line may be read while it is being written.
	poll(t, "the audit event of the ConfigMap", func(context.Context) (bool, error) {
		log, err := os.ReadFile(plane.AuditLogPath())
		return slices.ContainsFunc(bytes.Split(log, []byte("\n")), func(line []byte) bool {
			return createdByAdmin(line, namespace.Name, "audited")
		}), err
	})
}

// createdByAdmin tells whether a line of the audit log says that the administrator created the object.
func createdByAdmin(line []byte, namespace, name string) bool {
	var event struct {
		Verb      string
		User      struct{ Username string }
		ObjectRef struct{ Namespace, Name string }
	}
	return json.Unmarshal(line, &event) == nil && event.Verb == "create" && event.User.Username == "admin" &&
		event.ObjectRef.Namespace == namespace && event.ObjectRef.Name == name
}

// createNamespace gives a test a namespace of its own, so that it may run again.
func createNamespace(t *testing.T, labels map[string]string) *corev1.Namespace {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}}
	create(t, namespace)
	return namespace
}

func admin(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(plane.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := admin(t).Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func awaitGone(t *testing.T, object client.Object) {
	t.Helper()
	poll(t, "the end of "+object.GetName(), func(ctx context.Context) (bool, error) {
		err := admin(t).Get(ctx, client.ObjectKeyFromObject(object), object)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

func poll(t *testing.T, what string, condition wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), pollInterval, pollTimeout, true, condition); err != nil {
		t.Fatalf("awaiting %s: %v", what, err)
	}
}

// stored reads the raw value of a key from etcd, through its JSON gateway.
func stored(t *testing.T, key string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]string{"key": base64.StdEncoding.EncodeToString([]byte(key))})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, plane.EtcdURL()+"/v3/kv/range",
		bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var found struct{ KVs []struct{ Value []byte } }
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	if len(found.KVs) != 1 {
		t.Fatalf("etcd has %d values of %s, want one", len(found.KVs), key)
	}
	return found.KVs[0].Value
}
