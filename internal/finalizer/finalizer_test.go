// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package finalizer_test

import (
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const ours, theirs = "example.com/ours", "example.com/theirs"

func TestAFinalizerIsAddedOnceAndTakenOffAlone(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenBot("scout")
	e.Update(bot, func() { bot.Finalizers = []string{theirs} })
	if err := finalizer.Add(t.Context(), e.Client, bot, ours); err != nil {
		t.Fatal(err)
	}
	if len(bot.Finalizers) != 1 {
		t.Errorf("what the caller holds was changed: %v", bot.Finalizers)
	}
	now := e.Bot("scout")
	if !slices.Equal(now.Finalizers, []string{theirs, ours}) {
		t.Errorf("finalizers %v, want theirs and ours", now.Finalizers)
	}
	if err := finalizer.Add(t.Context(), e.Client, now, ours); err != nil {
		t.Fatal(err)
	}
	if again := e.Bot("scout"); again.ResourceVersion != now.ResourceVersion {
		t.Errorf("it was added twice: %v", again.Finalizers)
	}
	if err := finalizer.Remove(t.Context(), e.Client, now, ours); err != nil {
		t.Fatal(err)
	}
	if now = e.Bot("scout"); !slices.Equal(now.Finalizers, []string{theirs}) {
		t.Errorf("finalizers %v, want theirs", now.Finalizers)
	}
}

func TestAFinalizerThatOthersHaveAddedMeanwhileIsNotLost(t *testing.T) {
	e := testenv.New(t)
	stale := e.GivenBot("scout")
	bot := e.Bot("scout")
	e.Update(bot, func() { bot.Finalizers = []string{theirs} })
	if err := finalizer.Add(t.Context(), e.Client, stale, ours); !apierrors.IsConflict(err) {
		t.Errorf("error %v, want a conflict", err)
	}
	if now := e.Bot("scout"); !slices.Equal(now.Finalizers, []string{theirs}) {
		t.Errorf("finalizers %v, want theirs", now.Finalizers)
	}
}

func TestAnObjectThatIsGoneNeedsNoFinalizer(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenBot("scout")
	e.Delete(e.Bot("scout"))
	if err := finalizer.Add(t.Context(), e.Client, bot, ours); err != nil {
		t.Errorf("adding: %v", err)
	}
	bot.Finalizers = []string{ours}
	if err := finalizer.Remove(t.Context(), e.Client, bot, ours); err != nil {
		t.Errorf("removing: %v", err)
	}
}
