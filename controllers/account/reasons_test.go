// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// provoked says which test brings about each reason of an Account's conditions.
var provoked = map[string]string{
	"BotsRemainReason":  "TestADeletedAccountNamesSomeOfItsBotsAndCountsTheRest",
	"WithinLimitReason": "TestTheLimitIsTheTiersUnlessMaxBotsSaysOtherwise",
	"OverLimitReason":   "TestCRIT002_ADowngradeDestroysNothingAndSaysSo",
}

func TestEveryReasonOfAnAccountIsProvokedByATest(t *testing.T) {
	reasons := map[string]bool{}
	ast.Inspect(parse(t, "../../api/v1alpha1/account_conditions.go"), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasSuffix(spec.Names[0].Name, "Reason") {
			reasons[spec.Names[0].Name] = true
			if provoked[spec.Names[0].Name] == "" {
				t.Errorf("no test provokes %s", spec.Names[0].Name)
			}
		}
		return true
	})
	tests := map[string]map[string]bool{}
	for _, declaration := range parse(t, "status_test.go").Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			tests[f.Name.Name] = namesIn(f)
		}
	}
	for reason, test := range provoked {
		if !reasons[reason] || !tests[test][reason] {
			t.Errorf("%s is not a reason, or %s does not speak of it", reason, test)
		}
	}
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// namesIn are the names that a function takes from elsewhere.
func namesIn(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			names[selector.Sel.Name] = true
		}
		return true
	})
	return names
}
