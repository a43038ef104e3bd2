// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// provoked says which test brings about each reason of a Bot's conditions.
var provoked = map[string]string{
	"AdmittedReason":             "TestCRIT003_ABotWaitsForItsAccountAndGoesOnWithoutAnEdit",
	"AccountNotFoundReason":      "TestCRIT003_ABotWaitsForItsAccountAndGoesOnWithoutAnEdit",
	"AccountSuspendedReason":     "TestASuspendedAccountKeepsItsMachinesOff",
	"AccountDeletingReason":      "TestADeletedAccountWaitsForItsBotsAndKeepsTheirMachines",
	"AccountLimitReachedReason":  "wantLimitReached",
	"AccountNotReadyReason":      "TestCRIT002_AYoungerBotLeavesTheSlotToAnOlderOne",
	"NamespaceNotAllowedReason":  "TestABotInANamespaceThatTheAccountDoesNotListGetsNoMachine",
	"MachineNotAllowedReason":    "TestASizeThatIsForbiddenLeavesTheMachineAsItIs",
	"LiveTradingForbiddenReason": "TestAReservationIsBoundAlsoToABotThatIsRefused",
	"EndpointNotAllowedReason":   "forbiddenThings",
	"SecretNotAllowedReason":     "forbiddenThings",
	"DropletReadyReason":         "TestCRIT003_ABotWaitsForItsAccountAndGoesOnWithoutAnEdit",
	"WaitingForAdmissionReason":  "TestASuspendedAccountGetsNoMachineUntilItIsActive",
	"WaitingForInventoryReason":  "TestABotFindsAStrangersPassTooOldForIt",
	"WaitingForInstanceReason":   "TestABotInATerminatingNamespaceWaitsQuietly",
	"ReplacingMachineReason":     "TestADropletDeletedByHandIsDestroyedAndReplaced",
	"HibernatingReason":          "TestABotHibernatesAndIsRestored",
	"HibernatedReason":           "TestABotHibernatesAndIsRestored",
	"PausedReason":               "TestAPausedBotIsReadyOnceItsMachineIsOff",
	"SnapshotLostReason":         "TestALostSnapshotIsToldAndTheImageIsOnlyTakenWhenAskedFor",
	"SnapshotKeptReason":         "wantKept",
	"BotAbsentReason":            "TestTheMachineOfABotThatWasForcedAwayGoes",
	"MassAbsenceReason":          "TestManyAbsentBotsAreToldAndKept",
	"RedeployBlockedReason":      "TestAMachineIsKeptWhileTheNextOneWouldBeRefused",
	"NameTakenReason":            "TestAMachineNameOfAnotherBotIsLeftToIt",
	"ReplaceRequiredReason":      "TestAnEditThatNeedsAnotherMachineWaitsAndIsTakenBack",
	"WaitingForMachineReason":    "TestADropletDeletedByHandIsDestroyedAndReplaced",

	"RegisteredReason":             "TestABotIsReadyOnceItIsHeardAndRunsItsConfig",
	"WaitingForRegistrationReason": "TestHIGH001_AMachineThatNeverRegistersHasItsOwnDeadline",
	"RegistrationTimeoutReason":    "TestHIGH001_AMachineThatNeverRegistersHasItsOwnDeadline",
	"CredentialLostReason":         "TestCRIT001_ALostCredentialIsNotReplacedBeforeSomebodySaysSo",
	"SealKeyChangedReason":         "TestCRIT001_AMachineWithAnotherKeyGetsNoKeysOfTheBot",
	"RegistrationConflictReason":   "TestCRIT001_ATokenThatSomebodyElseUsesIsToldOnce",
	"HeartbeatReceivedReason":      "TestABotIsReadyOnceItIsHeardAndRunsItsConfig",
	"NotExpectedReason":            "TestABotThatRunsAgainIsHeardAgain",
	"HeartbeatMissedReason":        "TestHIGH001_ASilentBotIsMarkedAtItsDeadlineAndRecoversOnTheNextBeat",
	"IngestUnavailableReason":      "TestHIGH001_ADeafManagerMarksNobody",
	"ConfigAppliedReason":          "TestABotIsReadyOnceItIsHeardAndRunsItsConfig",
	"ApplyingConfigReason":         "TestAnEditIsSaidToBeOnItsWay",
	"ConfigRejectedReason":         "TestCRIT007_ABadConfigKeepsTheLastGoodOneAndSaysWhy",
	"SecretNotFoundReason":         "TestWhatABotRefersToIsWaitedFor",
	"SecretKeyNotFoundReason":      "TestWhatABotRefersToIsWaitedFor",
	"ConfigMapNotFoundReason":      "TestWhatABotRefersToIsWaitedFor",
	"ConfigTooLargeReason":         "TestWhatABotRefersToIsWaitedFor",

	"BootstrappingReason":              "TestHowFarAMachineIsSetUpIsTold",
	"BootstrapFailedReason":            "TestHowFarAMachineIsSetUpIsTold",
	"RolloutWaitingReason":             "TestARolloutKeepsToWhatTheAccountAllows",
	"OpenClawVersionUnsupportedReason": "TestAVersionThatCannotRunIsRefusedBeforeAnythingIsStopped",
	"OpenClawDowngradeReason":          "TestAVersionThatCannotRunIsRefusedBeforeAnythingIsStopped",
	"RuntimeHealthyReason":             "TestARuntimeThatDoesNotWorkIsToldWithItsWords",
	"RuntimeStartingReason":            "TestARuntimeThatIsOnItsWayIsNotToldOff",
	"RuntimeUnhealthyReason":           "TestARuntimeThatDoesNotWorkIsToldWithItsWords",
	"ChannelDegradedReason":            "TestAChannelThatIsNotConnectedIsToldWithItsSecret",
	"DiskPressureReason":               "TestAFullDiskIsToldOnceAndForgottenOnlyWellBelow",
}

func TestEveryReasonOfABotIsProvokedByATest(t *testing.T) {
	reasons := constantsEndingIn(t, "Reason", "../../api/v1alpha1/bot_conditions.go")
	for reason := range reasons {
		if provoked[reason] == "" {
			t.Errorf("no test provokes %s", reason)
		}
	}
	for reason, name := range provoked {
		if !reasons[reason] {
			t.Errorf("%s is provoked by %s and does not exist", reason, name)
		}
		if uses := usesOf(t, name); !uses[reason] {
			t.Errorf("%s does not speak of %s, or does not exist", name, reason)
		}
	}
}

// constantsEndingIn are the constants of a Go file whose names end so.
func constantsEndingIn(t *testing.T, suffix, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, name := range spec.Names {
				if strings.HasSuffix(name.Name, suffix) {
					found[name.Name] = true
				}
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s has no constants that end in %s", path, suffix)
	}
	return found
}

// usesOf are the names that a test function of this package speaks of.
func usesOf(t *testing.T, function string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	uses := map[string]bool{}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Name.Name != function {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if selector, ok := n.(*ast.SelectorExpr); ok {
					uses[selector.Sel.Name] = true
				}
				return true
			})
		}
	}
	return uses
}
