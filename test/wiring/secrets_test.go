// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/certs"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

const (
	foreignSecrets = 1000
	// window is how much of a process's memory is looked through at once.
	window = 1 << 20
)

// Whoever takes the manager over has what it holds: of the Secrets beside those that its Bots name, that is nothing.
func TestOfAThousandForeignSecretsTheManagerReadsNoneAndHoldsNone(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	marker := "marker-" + rand.String(23) // 30 bytes: so many are whole groups of base64
	c.givenForeignSecrets(t, marker)
	bot := "reader-" + rand.String(20)
	manager := w.startAsked(t, "--inventory-interval=1s")
	c.apply(t, bot)
	c.becomeReady(t, bot)
	manager.holds(t, marker, false)
	kubectl(t, "patch", "-n", c.namespace, "bot", bot, "--type=merge", "-p", `{"spec":{"deletionPolicy":"Snapshot"}}`)
	c.becomeReady(t, bot)
	manager.holds(t, bot, true)
	manager.holds(t, marker, false)
	kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", bot)
	manager.holds(t, marker, false)
	c.readsOnlyItsSecret(t, "keys")
}

// givenForeignSecrets makes Secrets that no Bot names, half of them open to bots.
func (c *tenant) givenForeignSecrets(t *testing.T, marker string) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for n := range foreignSecrets {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: fmt.Sprintf("foreign-%d", n)},
			StringData: map[string]string{"llm": fmt.Sprint(marker, n)},
		}
		if n%2 == 0 {
			secret.Labels = map[string]string{spawnv1.BotAccessLabel: "true"}
		}
		group.Go(func() error { return shared.api.Create(ctx, secret) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// readsOnlyItsSecret checks all that the manager has asked of the API server about Secrets.
func (c *tenant) readsOnlyItsSecret(t *testing.T, name string) {
	t.Helper()
	reads := 0
	err := managerRequests(shared.plane.AuditLogPath(), func(r *request) {
		about := r.ObjectRef
		switch {
		case about.Resource != "secrets":
		case about.Namespace == c.namespace && about.Name == name && r.Verb == "get":
			reads++
		case about.Namespace == c.namespace:
			t.Errorf("%s of %s: %s", r.Verb, about.Name, r.RequestURI)
		case (r.Verb == "list" || r.Verb == "watch") && (about.Namespace != localrun.SystemNamespace ||
			!strings.Contains(r.RequestURI, "fieldSelector=metadata.name%3D"+certs.SecretName)):
			t.Errorf("%s of Secrets that are not its own: %s", r.Verb, r.RequestURI)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if reads == 0 {
		t.Errorf("the Bot's own Secret %s was not read", name)
	}
}

// holds checks whether the program has something in its memory, as it is or as JSON has bytes.
func (c *child) holds(t *testing.T, what string, want bool) {
	t.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(what)[:len(what)/3*3])
	held, err := memoryHas(c.cmd.Process.Pid, []byte(what), []byte(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if held != want {
		t.Errorf("the manager has %q in its memory: %v, want %v", what, held, want)
	}
}

// memoryHas looks through all memory of a process that can be read, as Linux tells of it.
func memoryHas(pid int, needles ...[]byte) (bool, error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return false, err
	}
	defer func() { _ = maps.Close() }()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return false, err
	}
	defer func() { _ = memory.Close() }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if strings.Contains(lines.Text(), "[v") { // what the kernel maps there, such as its clock
			continue
		}
		var from, to int64
		var may string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &may); err != nil {
			return false, fmt.Errorf("reading %q: %w", lines.Text(), err)
		}
		if !strings.HasPrefix(may, "r") {
			continue
		}
		if sectionHas(io.NewSectionReader(memory, from, to-from), needles) {
			return true, nil
		}
	}
	return false, nil
}

// sectionHas looks through a part of it, as far as it can be read: the process runs on, and may give some back.
func sectionHas(section io.Reader, needles [][]byte) bool {
	overlap := 0
	for _, needle := range needles {
		overlap = max(overlap, len(needle))
	}
	buffer, kept := make([]byte, overlap+window), 0
	for {
		n, err := io.ReadFull(section, buffer[kept:])
		for _, needle := range needles {
			if bytes.Contains(buffer[:kept+n], needle) {
				return true
			}
		}
		if err != nil {
			return false
		}
		kept = copy(buffer, buffer[kept+n-overlap:kept+n])
	}
}
