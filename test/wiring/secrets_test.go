// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/certs"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// foreign is how many Secrets there are in the namespace that no Bot names.
const foreign = 1000

// strangers are Secrets that no Bot names. Every other one is open to bots, because that alone must not have it read.
type strangers struct {
	// name begins the name of each, and value what is in each: 24 bytes that are nowhere else, so that base64 has them
	// whole.
	name, value string
}

// The manager never collects its garbage here: whatever it has once held is still there when its memory is searched.
func TestNoneOfAThousandForeignSecretsIsReadOrHeld(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	c.hasSecret(t, "more", true, "ex-"+w.secret)
	others := strangers{name: "stranger-" + rand.String(8), value: "sk-" + rand.String(21)}
	others.arrive(t, c, 0, foreign/2)

	w.variables = []string{"GOGC=off"}
	manager := w.startAsked(t)
	bot := "curator-" + rand.String(8)
	c.apply(t, bot)
	c.becomeReady(t, bot)
	others.arrive(t, c, foreign/2, foreign) // a watch would hear of these
	c.wish(t, bot, `{"spec":{"llm":{"model":"claude-opus-4-1"},`+
		`"credentials":[{"name":"EXCHANGE_KEY","secretRef":{"name":"more","key":"value"}}]}}`)
	c.becomeReady(t, bot)
	others.areNotIn(t, manager, bot, w.token, w.secret, "ex-"+w.secret)
	kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", bot)
	others.areNotIn(t, manager, bot, w.token)
	manager.signal(t, syscall.SIGTERM)
	manager.ends(t)
	c.onlyTheseWereRead(t, "keys", "more")
}

// arrive creates the Secrets with these numbers, many at a time.
func (s strangers) arrive(t *testing.T, c *tenant, from, to int) {
	t.Helper()
	const hands = 32
	numbers := make(chan int)
	var group sync.WaitGroup
	for range hands {
		group.Go(func() {
			for n := range numbers {
				value := fmt.Sprintf("%s-%04d-%s", s.value, n, rand.String(24))
				c.hasSecret(t, fmt.Sprintf("%s-%04d", s.name, n), n%2 == 0, value)
			}
		})
	}
	for n := from; n < to; n++ {
		numbers <- n
	}
	close(numbers)
	group.Wait()
}

// hasSecret creates a Secret with one value. It may be called from any goroutine.
func (c *tenant) hasSecret(t *testing.T, name string, open bool, value string) {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		StringData: map[string]string{"value": value},
	}
	if open {
		secret.Labels = map[string]string{spawnv1.BotAccessLabel: "true"}
	}
	if err := shared.api.Create(t.Context(), secret); err != nil {
		t.Errorf("creating Secret %s: %v", name, err)
	}
}

// areNotIn searches the manager's memory. That the search finds what is there is seen by what must be: the Bot, the
// token, and the Secrets that it read because the Bot names them.
func (s strangers) areNotIn(t *testing.T, manager *child, bot string, held ...string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Logf("the memory of a program is not searched on %s", runtime.GOOS)
		return
	}
	found := manager.holds(t, append(held, bot, s.name, s.value)...)
	for _, text := range append(held, bot) {
		if !found[text] {
			t.Errorf("the manager does not hold %q: the search is blind", text)
		}
	}
	for what, text := range map[string]string{"names": s.name, "values": s.value} {
		if found[text] {
			t.Errorf("the manager holds %s of Secrets that no Bot names", what)
		}
	}
}

// onlyTheseWereRead checks what the API server has noted of all managers so far: they have read these Secrets of the
// tenant, one by one, and no other; and listed and watched none anywhere, but their own.
func (c *tenant) onlyTheseWereRead(t *testing.T, names ...string) {
	t.Helper()
	read := map[string]int{}
	err := managerRequests(shared.plane.AuditLogPath(), func(e *request) {
		switch on := e.ObjectRef; {
		case on.Resource != "secrets" || on.APIGroup != "":
		case on.Namespace == localrun.SystemNamespace && on.Name == certs.SecretName:
		case on.Namespace == localrun.DeliveryNamespace:
		case on.Namespace == localrun.SystemNamespace && e.Verb != "list" && e.Verb != "watch":
			// The fleet key, and the user data of machines, by name.
		case e.Verb != "get":
			t.Errorf("the manager asked to %s Secrets: %s", e.Verb, e.RequestURI)
		case on.Namespace == c.namespace:
			read[on.Name]++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if read[name] == 0 {
			t.Errorf("Secret %s was never read, which the Bot names", name)
		}
		delete(read, name)
	}
	if len(read) > 0 {
		t.Errorf("these Secrets were read, which no Bot names: %v", read)
	}
}
