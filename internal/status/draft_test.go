// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// stored is a Bot that the API server has, as a controller reads it.
func stored(t *testing.T, e *testenv.Env) *spawnv1.Bot {
	t.Helper()
	e.GivenBot("scout")
	return e.Bot("scout")
}

func TestADraftThatHasNotChangedIsNotWritten(t *testing.T) {
	e := testenv.New(t)
	bot := stored(t, e)
	draft := status.NewDraft(e.Client, bot)
	status.Summarize(bot, e.Clock.Now())
	if err := draft.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	written := e.Bot("scout").ResourceVersion
	if bot.ResourceVersion != written || draft.Before().ResourceVersion != written {
		t.Errorf("the draft is at %s and %s, want %s", bot.ResourceVersion, draft.Before().ResourceVersion, written)
	}

	status.Summarize(bot, e.Clock.Now())
	if err := draft.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := status.NewDraft(e.Client, e.Bot("scout"))
	status.Summarize(again.Object, e.Clock.Now())
	if err := again.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := e.Bot("scout").ResourceVersion; now != written {
		t.Errorf("nothing has changed and it was written: %s, was %s", now, written)
	}
}

func TestADraftIsSavedMoreThanOnce(t *testing.T) {
	e := testenv.New(t)
	bot := stored(t, e)
	draft := status.NewDraft(e.Client, bot)
	for _, name := range []string{"scout-1", "scout-2", ""} {
		bot.Status.DropletName = name
		if err := draft.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now := e.Bot("scout"); now.Status.DropletName != name || bot.ResourceVersion != now.ResourceVersion {
			t.Errorf("stored is %q at %s, want %q at %s", now.Status.DropletName, now.ResourceVersion, name, bot.ResourceVersion)
		}
	}
}

func TestAStaleDraftConflictsAndWritesNothing(t *testing.T) {
	e := testenv.New(t)
	bot := stored(t, e)
	draft := status.NewDraft(e.Client, bot)
	others := e.Bot("scout")
	e.Update(others, func() { others.Labels = map[string]string{"people": "label-things"} })

	bot.Status.DropletName = "scout-1"
	if err := draft.Save(t.Context()); !apierrors.IsConflict(err) {
		t.Fatalf("error %v, want a conflict", err)
	}
	if now := e.Bot("scout"); now.Status.DropletName != "" || bot.Status.DropletName != "scout-1" {
		t.Errorf("stored %q and in hand %q, want nothing stored and nothing lost",
			now.Status.DropletName, bot.Status.DropletName)
	}

	draft.Rebase(e.Bot("scout"))
	if err := draft.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := e.Bot("scout"); now.Status.DropletName != "scout-1" || now.Labels["people"] == "" {
		t.Errorf("stored %q with labels %v, want both changes", now.Status.DropletName, now.Labels)
	}
}

func TestADraftOfAnObjectThatIsGoneSaysSo(t *testing.T) {
	e := testenv.New(t)
	bot := stored(t, e)
	draft := status.NewDraft(e.Client, bot)
	e.Delete(e.Bot("scout"))
	bot.Status.DropletName = "scout-1"
	if err := draft.Save(context.WithoutCancel(t.Context())); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("error %v, want not found", err)
	}
}

func TestAnnounceMarksTransitions(t *testing.T) {
	bot := func(set func(*spawnv1.Bot)) *spawnv1.Bot {
		b := newBot(1)
		if set != nil {
			set(b)
		}
		return b
	}
	ready := func(b *spawnv1.Bot) { status.Summarize(b, noon) }
	notReady := func(reason, message string) func(*spawnv1.Bot) {
		return func(b *spawnv1.Bot) { status.NotReady(b, noon, reason, message) }
	}
	waiting := notReady(spawnv1.WaitingForInstanceReason, "waiting")
	refused := notReady(spawnv1.CreateRefusedReason, "100% of it is wrong")
	for name, test := range map[string]struct {
		before, after func(*spawnv1.Bot)
		want          string
	}{
		"nothing before and after":     {nil, nil, ""},
		"first seen and under way":     {nil, waiting, ""},
		"first seen and Ready":         {nil, ready, corev1.EventTypeNormal + " Ready as declared"},
		"first seen and stuck":         {nil, refused, corev1.EventTypeWarning + " CreateRefused 100% of it is wrong"},
		"the same":                     {ready, ready, ""},
		"the same reason, other words": {waiting, notReady(spawnv1.WaitingForInstanceReason, "still"), ""},
		"becomes Ready":                {waiting, ready, corev1.EventTypeNormal + " Ready as declared"},
		"becomes stuck":                {ready, refused, corev1.EventTypeWarning + " CreateRefused 100% of it is wrong"},
		"is under way again":           {ready, waiting, corev1.EventTypeNormal + " WaitingForInstance waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := events.NewFakeRecorder(2)
			status.Announce(recorder, bot(test.before), bot(test.after))
			got := ""
			if len(recorder.Events) > 0 {
				got = <-recorder.Events
			}
			if got != test.want || len(recorder.Events) != 0 {
				t.Errorf("announced %q and %d more, want %q", got, len(recorder.Events), test.want)
			}
		})
	}
}
