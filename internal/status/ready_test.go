// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

func TestSummarizeBlamesTheFirstFalseThenTheFirstUnknown(t *testing.T) {
	yes := func(conditionType string) metav1.Condition { return status.True(conditionType, "Fine", "fine") }
	no := func(conditionType, reason string) metav1.Condition { return status.False(conditionType, reason, "no") }
	unknown := func(conditionType, reason string) metav1.Condition {
		return status.Unknown(conditionType, reason, "unknown")
	}
	both := []string{first, second}
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		feeds      []string
		want       string
	}{
		"nothing feeds it":           {want: spawnv1.ReadyReason},
		"all are True":               {[]metav1.Condition{yes(first), yes(second)}, both, spawnv1.ReadyReason},
		"the first False of two":     {[]metav1.Condition{no(first, "A"), no(second, "B")}, both, "A"},
		"in the order of blame":      {[]metav1.Condition{no(first, "A"), no(second, "B")}, []string{second, first}, "B"},
		"False before Unknown":       {[]metav1.Condition{unknown(first, "A"), no(second, "B")}, both, "B"},
		"the first Unknown of two":   {[]metav1.Condition{unknown(first, "A"), unknown(second, "B")}, both, "A"},
		"one that is missing":        {[]metav1.Condition{yes(first)}, both, "Unknown"},
		"Unknown before one missing": {[]metav1.Condition{unknown(second, "B")}, []string{second, first}, "B"},
		"one that does not feed it":  {[]metav1.Condition{yes(first), no(third, "C")}, []string{first}, spawnv1.ReadyReason},
	} {
		t.Run(name, func(t *testing.T) {
			bot := newBot(3, test.conditions...)
			status.Summarize(bot, noon, test.feeds...)
			ready := status.Get(bot, spawnv1.ReadyCondition)
			wantStatus := metav1.ConditionFalse
			if test.want == spawnv1.ReadyReason {
				wantStatus = metav1.ConditionTrue
			}
			if ready.Reason != test.want || ready.Status != wantStatus || ready.ObservedGeneration != 3 {
				t.Errorf("Ready is %+v, want %s for %s", ready, wantStatus, test.want)
			}
			if bot.Status.ObservedGeneration != 3 {
				t.Errorf("observed generation %d, want 3", bot.Status.ObservedGeneration)
			}
			reconciling := status.IsTrue(bot, spawnv1.ReconcilingCondition)
			if reconciling != (wantStatus == metav1.ConditionFalse) {
				t.Errorf("Reconciling is present: %v", reconciling)
			}
		})
	}
}

func TestTheAbnormalConditionsFollowTheReason(t *testing.T) {
	bot := newBot(1)
	steps := []struct{ reason, want string }{
		{spawnv1.WaitingForInstanceReason, spawnv1.ReconcilingCondition},
		{spawnv1.CreateRefusedReason, spawnv1.StalledCondition},
		{spawnv1.DeletingReason, spawnv1.ReconcilingCondition},
		{spawnv1.AccountSuspendedReason, ""},
		{spawnv1.BotsRemainReason, spawnv1.StalledCondition},
		{spawnv1.AccountSuspendedReason, ""},
	}
	for n, step := range steps {
		status.NotReady(bot, noon.Add(time.Duration(n)*time.Minute), step.reason, "because")
		for _, conditionType := range []string{spawnv1.ReconcilingCondition, spawnv1.StalledCondition} {
			c := status.Get(bot, conditionType)
			if (c != nil) != (conditionType == step.want) || (c != nil && (c.Reason != step.reason || c.Message != "because")) {
				t.Errorf("%s: condition %s is %+v, want only %q", step.reason, conditionType, c, step.want)
			}
		}
	}
	status.Summarize(bot, noon)
	if len(bot.Status.Conditions) != 1 {
		t.Errorf("Ready and yet %+v", bot.Status.Conditions)
	}
}

// TestEveryReasonIsOfTheClassThatItsCommentSays reads the comments that users of the API read: each ends in (Stalled),
// (Reconciling) or (neither Reconciling nor Stalled).
func TestEveryReasonIsOfTheClassThatItsCommentSays(t *testing.T) {
	paths, err := filepath.Glob("../../api/v1alpha1/*_conditions.go")
	if err != nil || len(paths) < 4 {
		t.Fatalf("conditions in %v: %v", paths, err)
	}
	classes := regexp.MustCompile(`\((Stalled|Reconciling|neither Reconciling nor Stalled)\)$`)
	checked := 0
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasSuffix(spec.Names[0].Name, "Reason") {
				return true
			}
			class := classes.FindStringSubmatch(strings.TrimSpace(spec.Doc.Text()))
			if class == nil {
				return true
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no literal", spec.Names[0].Name)
			}
			reason, _ := strconv.Unquote(literal.Value)
			bot := newBot(1)
			status.NotReady(bot, noon, reason, "because")
			stalled := status.IsTrue(bot, spawnv1.StalledCondition)
			reconciling := status.IsTrue(bot, spawnv1.ReconcilingCondition)
			if stalled != (class[1] == "Stalled") || reconciling != (class[1] == "Reconciling") {
				t.Errorf("%s is said to be %s: Stalled %v, Reconciling %v", reason, class[1], stalled, reconciling)
			}
			checked++
			return true
		})
	}
	if checked < 20 {
		t.Errorf("only %d reasons say their class", checked)
	}
}
