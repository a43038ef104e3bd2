// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// edit changes the model of Bot scout.
func edit(e *testenv.Env, model string) {
	bot := e.Bot("scout")
	e.Update(bot, func() { bot.Spec.LLM.Model = model })
}

// versionsOf are the numbers of the configs that the machine of scout was given.
func versionsOf(m *testenv.Machines) []int64 {
	var versions []int64
	for _, given := range m.Configs["scout"] {
		versions = append(versions, given.Version)
	}
	return versions
}

func TestCRIT007_EditsAndRotationsGetNumbersThatGrowAndTheLastOneRuns(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	other := e.Second(leadership.Alone("manager-2")) // a former leader that has not noticed yet
	for i := range 5 {
		edit(e, fmt.Sprintf("model-%d", i))
		e.GivenSecret("llm", "api-key", fmt.Sprintf("sk-%d", i))
		annotate(e, e.Bot("scout"), spawnv1.RefreshAnnotation, fmt.Sprint(i))
		var both sync.WaitGroup
		for _, manager := range []*testenv.Incarnation{e.Manager, other} {
			both.Go(func() { _ = e.ReconcileBotBy(manager, "scout") }) // one of the two may be too late, and look again
		}
		both.Wait()
		if i%2 == 0 {
			_, _ = e.Round()
		}
	}
	bot := untilReady(e, "scout")
	e.Settle()
	versions, given := versionsOf(m), m.Configs["scout"]
	for i := range versions[1:] {
		if versions[i+1] <= versions[i] {
			t.Fatalf("the numbers are %v", versions)
		}
	}
	last := given[len(given)-1]
	if last.Config.LLM.Model != "model-4" || last.Secrets["llm"] != "sk-4" {
		t.Errorf("the last config is %+v", last)
	}
	c := bot.Status.Config
	if c.DesiredVersion != last.Version || c.AppliedVersion != last.Version {
		t.Errorf("status.config is %+v, and the last config has number %d", c, last.Version)
	}
}

func TestCRIT007_TheSameContentHasOneNumber(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	bot := e.Bot("scout")
	e.Update(bot, func() { bot.Spec.Machine.Tags = []string{"desk-7"} }) // what the bot is told does not depend on it
	annotate(e, bot, spawnv1.RefreshAnnotation, "again")
	e.Settle()
	e.Restart()
	e.Settle()
	if got := versionsOf(m); len(got) != 1 {
		t.Errorf("the numbers are %v, want one", got)
	}
	first := e.Bot("scout").Spec.LLM.Model
	edit(e, "another")
	e.Settle()
	edit(e, first)
	e.Settle()
	if got := fmt.Sprint(versionsOf(m)); got != "[1 2 3]" {
		t.Errorf("there and back the numbers are %s, want three", got)
	}
}

func TestARotatedSecretArrivesByItself(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	e.Settle()
	e.GivenSecret("llm", "api-key", "sk-rotated\n")
	rotated := e.Clock.Now()
	e.Until("it has arrived", func() bool { return e.Bot("scout").Status.Config.AppliedVersion == 2 })
	if took := e.Clock.Since(rotated); took > 6*time.Minute {
		t.Errorf("it took %s", took)
	}
	if got := m.Configs["scout"][1].Secrets["llm"]; got != "sk-rotated" {
		t.Errorf("it is %q", got)
	}
	e.GivenSecret("llm", "api-key", "sk-at-once")
	annotate(e, e.Bot("scout"), spawnv1.RefreshAnnotation, "now")
	for range 2 { // the bot is told, and says that it runs
		if _, err := e.Round(); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.Bot("scout").Status.Config.Summary; got != "3/3" {
		t.Errorf("when it was asked for it came to %s", got)
	}
}

func TestCRIT007_ABadConfigKeepsTheLastGoodOneAndSaysWhy(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	m.Refuse["scout"] = "llm.model: there is no model \"nonsense\""
	edit(e, "nonsense")
	bot := untilReason(e, spawnv1.ReadyCondition, spawnv1.ConfigRejectedReason)
	e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionFalse, spawnv1.ConfigRejectedReason,
		"version 2", "version 1", "there is no model")
	wantOnly(t, bot, spawnv1.StalledCondition)
	if c := bot.Status.Config; c.Summary != "2/1" || c.Message == "" {
		t.Errorf("status.config is %+v", c)
	}
	delete(m.Refuse, "scout")
	edit(e, "claude-sonnet-4-5")
	if c := untilReady(e, "scout").Status.Config; c.Summary != "3/3" || c.Message != "" {
		t.Errorf("status.config is %+v", c)
	}
}

func TestAnEditIsSaidToBeOnItsWay(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	m.Silent["scout"] = true
	edit(e, "another")
	bot := untilReason(e, spawnv1.ConfigAppliedCondition, spawnv1.ApplyingConfigReason)
	e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionUnknown, spawnv1.ApplyingConfigReason,
		"version 2")
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	if c := bot.Status.Config; c.Summary != "2/1" {
		t.Errorf("status.config is %+v", c)
	}
}

func TestWhatABotRefersToIsWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		edit   func(*spawnv1.Bot)
		reason string
		says   string
		mend   func(*testenv.Env)
	}{
		"a Secret": {
			func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Name = "keys" },
			spawnv1.SecretNotFoundReason, `spec.llm.apiKeySecretRef: there is no Secret "keys"`,
			func(e *testenv.Env) { e.GivenSecret("keys", "api-key", "sk-late") },
		},
		"a key": {
			func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Key = "other" },
			spawnv1.SecretKeyNotFoundReason, `Secret "llm" has no key "other"`,
			func(e *testenv.Env) { e.GivenSecret("llm", "other", "sk-late") },
		},
		"a ConfigMap": {
			func(b *spawnv1.Bot) {
				b.Spec.OpenClaw.WorkspaceConfigMapRef = &spawnv1.ConfigMapReference{Name: "workspace"}
			},
			spawnv1.ConfigMapNotFoundReason, `there is no ConfigMap "workspace"`,
			func(e *testenv.Env) { givenWorkspace(t, e, 1) },
		},
		"a ConfigMap that is too large": {
			func(b *spawnv1.Bot) {
				b.Spec.OpenClaw.WorkspaceConfigMapRef = &spawnv1.ConfigMapReference{Name: "workspace"}
			},
			spawnv1.ConfigTooLargeReason, "make the ConfigMap of spec.openclaw.workspaceConfigMapRef smaller",
			func(e *testenv.Env) { givenWorkspace(t, e, 1) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t)
			m := e.Talk()
			e.GivenReadyBot("scout")
			if test.reason == spawnv1.ConfigTooLargeReason {
				givenWorkspace(t, e, 300<<10)
			}
			bot := e.Bot("scout")
			e.Update(bot, func() { test.edit(bot) })
			bot = untilReason(e, spawnv1.ReadyCondition, test.reason)
			e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionFalse, test.reason, test.says)
			wantOnly(t, bot, spawnv1.StalledCondition)
			if got := versionsOf(m); len(got) != 1 {
				t.Errorf("it was given versions %v", got)
			}
			test.mend(e)
			if c := untilReady(e, "scout").Status.Config; c.Summary != "2/2" {
				t.Errorf("status.config is %+v", c)
			}
		})
	}
}

func TestASecretThatIsClosedIsDeliveredNoMore(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	secret := secretNamed(e.Namespace, "llm")
	e.Update(secret, func() { secret.Labels, secret.Data = nil, map[string][]byte{"api-key": []byte("sk-closed")} })
	annotate(e, e.Bot("scout"), spawnv1.RefreshAnnotation, "now")
	bot := untilReason(e, spawnv1.ConfigAppliedCondition, spawnv1.SecretNotAllowedReason)
	e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionFalse, spawnv1.SecretNotAllowedReason,
		"kubectl label")
	for _, given := range m.Configs["scout"] {
		if strings.Contains(fmt.Sprint(given.Secrets), "sk-closed") {
			t.Error("the bot was given what is not open to it")
		}
	}
}

// givenWorkspace writes ConfigMap workspace with a file of a size.
func givenWorkspace(t *testing.T, e *testenv.Env, size int) {
	t.Helper()
	workspace := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "workspace"},
		Data:       map[string]string{"SOUL.md": strings.Repeat("x", size)},
	}
	if e.Exists(workspace) {
		e.Delete(workspace)
		workspace.ResourceVersion = ""
	}
	if err := e.Client.Create(t.Context(), workspace); err != nil {
		t.Fatal(err)
	}
}
