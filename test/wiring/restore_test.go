// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestObjectsThatAreDumpedAndAppliedAgainFindTheirInstances(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	stop := w.startEmbedded(t)
	names := []string{"monk", "friar", "abbot", "prior"}
	c.apply(t, names...)
	c.becomeReady(t, names...)
	instances := map[string]int64{}
	for _, name := range names {
		instances[name] = c.mustBot(t, name).Status.InstanceID
	}
	dump := kubectl(t, "get", "-o", "yaml", "-n", c.namespace, "account/"+c.account,
		"bot/monk", "bot/friar", "bot/abbot", "bot/prior",
		// Half of the Droplets are in the backup. The Bot finds the others' instances by name.
		"droplet/"+c.mustBot(t, "monk").Status.DropletName, "droplet/"+c.mustBot(t, "friar").Status.DropletName)
	stop()
	if err := c.forceRemove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := c.objects(t.Context()); err != nil || len(left) > 0 {
		t.Fatalf("left are %v (%v)", left, err)
	}
	if live := len(w.cloud.Live("")); live != len(names) {
		t.Fatalf("%d instances outlived their objects, want %d", live, len(names))
	}
	w.cloud.ResetJournal()

	restore := shared.plane.KubectlCommand(t.Context(), "apply", "--server-side", "-f", "-")
	restore.Stdin = strings.NewReader(withoutState(t, dump))
	var complaint bytes.Buffer
	restore.Stderr = &complaint
	if err := restore.Run(); err != nil {
		t.Fatalf("applying the dump: %v: %s", err, complaint.String())
	}
	w.startEmbedded(t)
	c.becomeReady(t, names...)
	for name, id := range instances {
		c.hadOneInstanceEver(t, name)
		if got := c.mustBot(t, name).Status.InstanceID; got != id {
			t.Errorf("bot %s had instance %d and has %d", name, id, got)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete} {
		if writes := w.cloud.Requests(method, ""); writes != 0 {
			t.Errorf("DigitalOcean was sent %d times %s, want none", writes, method)
		}
	}
}

// withoutState makes of a dump what a backup tool applies: no status, and nothing that the API server gave.
func withoutState(t *testing.T, dump string) string {
	t.Helper()
	var list unstructured.UnstructuredList
	if err := yaml.Unmarshal([]byte(dump), &list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		object := list.Items[i].Object
		delete(object, "status")
		for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
			unstructured.RemoveNestedField(object, "metadata", field)
		}
	}
	content, err := yaml.Marshal(list.UnstructuredContent())
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
