// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

const first, second, third = "First", "Second", "Third"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newBot(generation int64, conditions ...metav1.Condition) *spawnv1.Bot {
	bot := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "scout", Generation: generation}}
	for _, c := range conditions {
		status.Set(bot, noon, c)
	}
	return bot
}

func TestSetDatesTransitionsAndNothingElse(t *testing.T) {
	bot := newBot(1, status.Unknown(first, "Waiting", "for %s", "it"))
	later, latest := noon.Add(time.Minute), noon.Add(time.Hour)

	status.Set(bot, later, status.Unknown(first, "StillWaiting", "for more"))
	c := status.Get(bot, first)
	if !c.LastTransitionTime.Equal(&metav1.Time{Time: noon}) || c.Reason != "StillWaiting" || c.Message != "for more" {
		t.Errorf("another reason: %+v, want it told, with the time of the last transition", c)
	}
	bot.Generation = 2
	status.Set(bot, latest, status.True(first, "Done", "done"))
	c = status.Get(bot, first)
	if !c.LastTransitionTime.Equal(&metav1.Time{Time: latest}) || c.ObservedGeneration != 2 {
		t.Errorf("another status: %+v, want the time of now and generation 2", c)
	}
}

func TestConditionsAreReadByType(t *testing.T) {
	bot := newBot(1, status.True(first, "Yes", "yes"), status.False(second, "No", "no"))
	if !status.IsTrue(bot, first) || status.IsTrue(bot, second) || status.IsTrue(bot, third) {
		t.Error("IsTrue does not tell True from the rest")
	}
	if status.Reason(bot, second) != "No" || status.Reason(bot, third) != "" || status.Get(bot, third) != nil {
		t.Error("a condition that is not there is told")
	}
	status.Remove(bot, first)
	status.Remove(bot, third)
	if len(bot.Status.Conditions) != 1 || bot.Status.Conditions[0].Type != second {
		t.Errorf("conditions %v, want only %s", bot.Status.Conditions, second)
	}
}

func TestAMessageIsStoredAsItWasWritten(t *testing.T) {
	for name, message := range map[string]string{
		"short":                       "all is well",
		"empty":                       "",
		"as long as may be":           strings.Repeat("x", 1024),
		"one more":                    strings.Repeat("x", 1025),
		"cut in a character of two":   strings.Repeat("x", 1020) + strings.Repeat("é", 20),
		"cut in a character of three": strings.Repeat("x", 1019) + strings.Repeat("€", 20),
		"cut in a character of four":  strings.Repeat("x", 1018) + strings.Repeat("🤖", 20),
		"all of long characters":      strings.Repeat("🤖", 300),
		"no text at all":              "DigitalOcean: \xff\xfe\xc3(",
		"no text and too long":        strings.Repeat("\xff", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			got := status.False(first, "Reason", "%s", message).Message
			if len(got) > 1024 || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid: %v, want at most 1024 of valid text", len(got), utf8.ValidString(got))
			}
			if utf8.ValidString(message) && len(message) <= 1024 && got != message {
				t.Errorf("%q became %q", message, got)
			}
			if whole, cut := strings.CutSuffix(got, "..."); cut && len(whole) < 1024-3-3 {
				t.Errorf("only %d bytes are left of %d", len(whole), len(message))
			}
			raw, err := json.Marshal(got)
			var back string
			if err != nil || json.Unmarshal(raw, &back) != nil || back != got {
				t.Errorf("%q comes back from the API as %q", got, back)
			}
			if again := status.True(first, "Reason", "%s", got).Message; again != got {
				t.Errorf("said again, %q became %q", got, again)
			}
		})
	}
}
