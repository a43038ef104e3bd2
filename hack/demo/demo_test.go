// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want settings
		err  string
	}{
		"nothing is the simulator":  {},
		"zero is no":                {env: map[string]string{"REAL": "0", "ONCE": ""}},
		"a token alone is not used": {env: map[string]string{tokenVariable: "x"}},
		"once":                      {env: map[string]string{"ONCE": "1"}, want: settings{once: true}},
		"a real run needs a token":  {env: map[string]string{"REAL": "1"}, err: tokenVariable},
		"a real run that ends keeps nothing": {
			env: map[string]string{"REAL": "1", tokenVariable: "x", "ONCE": "1", "KEEP": "1"},
			err: "choose one",
		},
		"a real run": {
			env:  map[string]string{"REAL": "1", tokenVariable: "x", "KEEP": "1"},
			want: settings{real: true, keep: true, token: "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readSettings(func(key string) (string, bool) { value, ok := test.env[key]; return value, ok })
			switch {
			case test.err == "" && (err != nil || got != test.want):
				t.Errorf("got %+v, %v", got, err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got error %v, want one that says %q", err, test.err)
			}
		})
	}
}

func TestLockKeepsASecondDemoOut(t *testing.T) {
	dir := t.TempDir()
	first, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("the second demo is told %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := clean(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil {
		t.Error("cleaning took the lock away")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(dir)
	if err != nil {
		t.Fatalf("a lock that nobody holds: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestSummarySaysWhatIsWaitedFor(t *testing.T) {
	bot := func(status metav1.ConditionStatus, reason string, observed int64) spawnv1.Bot {
		b := spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
		b.Status.ObservedGeneration = observed
		b.Status.Conditions = []metav1.Condition{{Type: spawnv1.ReadyCondition, Status: status, Reason: reason}}
		return b
	}
	ready := bot(metav1.ConditionTrue, "Ready", 1)
	for want, bots := range map[string][]spawnv1.Bot{
		"0 of 0 bots Ready":                      nil,
		"1 of 2 bots Ready, 1 Booting":           {ready, bot(metav1.ConditionFalse, "Booting", 1)},
		"1 of 2 bots Ready, 1 not looked at yet": {ready, {}},
	} {
		if got, done := summary(bots, settings{}.goal()); got != want || done {
			t.Errorf("got %q, done %t, want %q", got, done, want)
		}
	}
	if got, done := summary([]spawnv1.Bot{ready, ready}, settings{}.goal()); got != "2 of 2 bots Ready" || !done {
		t.Errorf("got %q, done %t", got, done)
	}
	deaf := bot(metav1.ConditionFalse, "WaitingForRegistration", 1)
	deaf.Status.Conditions = append(deaf.Status.Conditions, metav1.Condition{
		Type: spawnv1.DropletReadyCondition, Status: metav1.ConditionTrue, Reason: "DropletReady",
	})
	got, done := summary([]spawnv1.Bot{deaf}, settings{real: true}.goal())
	if got != "1 of 1 bots with a machine" || !done {
		t.Errorf("got %q, done %t", got, done)
	}
}
