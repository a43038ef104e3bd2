// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package talk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
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
	if err := stage.api.Get(t.Context(), name, &key); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"the DigitalOcean token": localrun.SimulatorToken, "the LLM key": c.key,
		"the registration token": token.NewRegistration(key.Data["key"], bot.Status.DropletName).Reveal(),
		"the fleet key":          string(key.Data["key"]),
	}
	places := map[string][]byte{}
	for _, log := range files(t, func(path string) bool { return strings.HasSuffix(path, ".log") }) {
		places["log "+filepath.Base(log)] = read(t, log)
	}
	metrics := []string{stage.manager.MetricsURL}
	for _, gateway := range stage.gateways {
		metrics = append(metrics, gateway.MetricsURL)
	}
	for _, url := range metrics {
		places["metrics "+url] = get(t.Context(), url) // one of the gateways may have been ended by a test
	}
	places["the simulator's journal"] = get(t.Context(), stage.simulator.URL+"/_sim/journal")
	for _, list := range []client.ObjectList{
		&spawnv1.BotList{}, &spawnv1.DropletList{}, &spawnv1.AccountList{}, &corev1.ConfigMapList{}, &eventsv1.EventList{},
		&coordinationv1.LeaseList{},
	} {
		places[fmt.Sprintf("%T", list)] = all(t, list)
	}
	var letters corev1.SecretList
	if err := stage.api.List(t.Context(), &letters, client.InNamespace(localrun.DeliveryNamespace)); err != nil {
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
	// The search is not blind: the machine's own files hold the token that it was given, and nothing else does.
	config := files(t, func(path string) bool { return strings.HasSuffix(path, "agent.yaml") })
	found := false
	for _, file := range config {
		found = found || bytes.Contains(read(t, file), []byte(secrets["the registration token"]))
	}
	if !found {
		t.Errorf("none of %d machines has its registration token", len(config))
	}
}

func files(t *testing.T, wanted func(path string) bool) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(stage.dir, func(path string, entry fs.DirEntry, err error) error {
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
	if err := stage.api.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
