// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/modelsim"
)

// The people on Telegram: two whom the bot knows, and one whom it does not.
const alice, bert, stranger = 111, 222, 333

// telegram gives the bot a channel, with a token that is wrong at first.
func telegram(l *life, bot *spawnv1.Bot) {
	l.patch(channel("wrong"))
	says := l.judged("channel with a wrong token to ChannelDegraded", spawnv1.ReadyCondition,
		spawnv1.ChannelDegradedReason)
	if !strings.Contains(says, "Telegram refuses the token") {
		l.Errorf("Ready says %q", says)
	}
	l.answers(bot, "by another door")
	l.patch(channel("telegram"))
	l.ready("channel with the right one to Ready")

	l.step()
	l.talk(alice, "my word is zebra")
	l.told("answered on Telegram")
	people.Say(stranger, "and mine is okapi")
	l.talk(bert, "what is the word")
	l.talk(alice, "and now")
	asked := model.Asked()
	for _, a := range asked {
		said := strings.Join(append(a.Before, a.Text), "\n")
		if strings.Contains(said, "okapi") || strings.Contains(said, "zebra") && strings.Contains(said, "what is the word") {
			l.Errorf("the model was told %q", said)
		}
	}
	if last := asked[len(asked)-1]; !strings.Contains(strings.Join(last.Before, "\n"), "zebra") {
		l.Errorf("who talks on is not remembered: %q", last.Before)
	}
	// OpenClaw leaves its channels alone after three unclean ends in 5 minutes, and there will be as many.
	l.patch(`{"spec":{"channels":null}}`)
	l.ready("channel taken away to Ready")
	for _, sent := range people.Sent() {
		if sent.Chat == stranger {
			l.Errorf("a stranger is sent %+v", sent)
		}
	}
}

func channel(key string) string {
	return fmt.Sprintf(`{"spec":{"channels":[{"type":"Telegram","allowFrom":["%d","%d"],`+
		`"tokenSecretRef":{"name":"keys","key":%q}}]}}`, alice, bert, key)
}

// talk says something on Telegram, and waits for the answer.
func (l *life) talk(person int64, text string) {
	l.Helper()
	people.Say(person, text)
	got, err := people.Await(l.Context(), person, text)
	if err != nil || !strings.HasPrefix(got.Text, modelsim.Reply) {
		l.Fatalf("%d is answered %+v (%v)", person, got, err)
	}
}
