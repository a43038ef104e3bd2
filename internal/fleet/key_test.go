// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestTheFleetKeyIsMadeOnceWhoeverIsFirst(t *testing.T) {
	e := testenv.New(t)
	keys := make([][]byte, 8)
	var all sync.WaitGroup
	for n := range keys {
		all.Go(func() {
			key, err := fleet.EnsureKey(t.Context(), e.Client, e.Namespace)
			if err != nil {
				t.Error(err)
			}
			keys[n] = key
		})
	}
	all.Wait()
	for _, key := range keys {
		if len(key) != 32 || !bytes.Equal(key, keys[0]) {
			t.Fatalf("the keys are %x", keys)
		}
	}
	if again, err := fleet.EnsureKey(t.Context(), e.Client, e.Namespace); err != nil || !bytes.Equal(again, keys[0]) {
		t.Errorf("later it is %x, %v", again, err)
	}
}

func TestAFleetKeyThatIsSpoiltIsNotReplaced(t *testing.T) {
	e := testenv.New(t)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: fleet.KeyName},
		Data:       map[string][]byte{"key": []byte("short")},
	}
	if err := e.Client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	_, err := fleet.EnsureKey(t.Context(), e.Client, e.Namespace)
	if err == nil || !strings.Contains(err.Error(), "restore it from a backup") || strings.Contains(err.Error(), "short") {
		t.Errorf("%v, want advice, and nothing of the key", err)
	}
}
