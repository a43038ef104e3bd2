// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package talk

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// TestCRIT001_NoSecretIsSeenWhereItDoesNotBelong plants nothing: it knows the real secrets of a real life, and searches
// for them in all that the programs have written at their highest verbosity, and in every object but those that may
// hold them.
func TestCRIT001_NoSecretIsSeenWhereItDoesNotBelong(t *testing.T) {
	c := newTenant(t)
	c.apply("scout")
	bot := c.becomes("scout", spawnv1.ReadyReason)
	c.change(func(b *spawnv1.Bot) { b.Spec.LLM.Model = "claude-opus-4-5" })
	eventually(t, "the edit runs", c.applied(2))

	var key corev1.Secret
	name := client.ObjectKey{Namespace: localrun.SystemNamespace, Name: fleet.KeyName}
	if err := shared.API.Get(t.Context(), name, &key); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"the DigitalOcean token": localrun.SimulatorToken, "the LLM key": c.key,
		"the registration token": token.NewRegistration(key.Data["key"], bot.Status.DropletName).Reveal(),
		"the fleet key":          string(key.Data["key"]), "the credential": credentialOf(t, bot),
	}
	places := map[string][]byte{}
	for _, log := range files(t, func(path string) bool { return strings.HasSuffix(path, ".log") }) {
		places["log "+filepath.Base(log)] = read(t, log)
	}
	metrics := []string{shared.Manager.MetricsURL}
	for _, gateway := range shared.Gateways {
		metrics = append(metrics, gateway.MetricsURL)
	}
	for _, url := range metrics {
		places["metrics "+url] = get(t.Context(), url) // one of the gateways may have been ended by a test
	}
	for _, what := range []string{"the registration token", "the credential"} {
		for _, path := range []string{protocol.RegisterPath, protocol.HeartbeatPath, protocol.CredentialPath} {
			places["the answer to "+what+" at "+path] = refusal(t, path, secrets[what])
		}
	}
	places["the simulator's journal"] = get(t.Context(), shared.Simulator.URL+"/_sim/journal")
	for _, list := range []client.ObjectList{
		&spawnv1.BotList{}, &spawnv1.DropletList{}, &spawnv1.AccountList{}, &corev1.ConfigMapList{}, &eventsv1.EventList{},
		&coordinationv1.LeaseList{},
	} {
		places[fmt.Sprintf("%T", list)] = all(t, list)
	}
	var letters corev1.SecretList
	if err := shared.API.List(t.Context(), &letters, client.InNamespace(localrun.DeliveryNamespace)); err != nil {
		t.Fatal(err)
	}
	for _, letter := range letters.Items {
		for entry, content := range letter.Data {
			places["letter "+letter.Name+" "+entry] = content
		}
	}
	if len(places) < 15 {
		t.Errorf("searched %d places only", len(places))
	}
	for what, secret := range secrets {
		for where, content := range places {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
	// The machine's own disk holds what it was given to register with and what it made itself, so the search is not
	// blind, and nothing else.
	disk := filepath.Join("machines", strconv.FormatInt(bot.Status.InstanceID, 10), "disk")
	found := map[string]bool{}
	for _, file := range files(t, func(path string) bool { return strings.Contains(path, disk) }) {
		content := read(t, file)
		for what, secret := range secrets {
			found[what] = found[what] || bytes.Contains(content, []byte(secret))
		}
	}
	want := map[string]bool{
		"the DigitalOcean token": false, "the LLM key": false, "the fleet key": false,
		"the registration token": true, "the credential": true,
	}
	if !maps.Equal(found, want) {
		t.Errorf("on the machine's disk: %v", found)
	}
}

// credentialOf is what the agent on a Bot's machine has made.
func credentialOf(t *testing.T, bot *spawnv1.Bot) string {
	t.Helper()
	of := filepath.Join("machines", strconv.FormatInt(bot.Status.InstanceID, 10), "disk/var/lib/spawn-agent/identity.json")
	var identity struct {
		Credential string `json:"credential"`
	}
	for _, file := range files(t, func(path string) bool { return strings.HasSuffix(path, of) }) {
		_, content, _ := bytes.Cut(read(t, file), []byte("\n")) // the first line is its digest
		if err := json.Unmarshal(content, &identity); err != nil {
			t.Fatal(err)
		}
	}
	if identity.Credential == "" {
		t.Fatal("the machine has no credential")
	}
	return identity.Credential
}

// refusal is the answer to a call that shows a secret, and says it again where it makes no sense.
func refusal(t *testing.T, path, secret string) []byte {
	t.Helper()
	last := shared.Gateways[len(shared.Gateways)-1] // the first may have been ended by a test
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(t, last.CAFile))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	defer transport.CloseIdleConnections()
	body := strings.NewReader(fmt.Sprintf(`{"instanceID":%q,"credentialSHA256":%[1]q}`, secret))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, last.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 4 {
		t.Fatalf("%s is answered %s: %s %v", path, response.Status, content, err)
	}
	return content
}

func files(t *testing.T, wanted func(path string) bool) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(shared.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && wanted(path) {
			found = append(found, path)
		}
		return nil // machines come and go meanwhile
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return content
}

func get(ctx context.Context, url string) []byte {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	var content bytes.Buffer
	_, _ = content.ReadFrom(response.Body)
	return content.Bytes()
}

func all(t *testing.T, list client.ObjectList) []byte {
	t.Helper()
	if err := shared.API.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
