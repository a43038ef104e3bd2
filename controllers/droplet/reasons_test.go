// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// reasonsSeen are the reasons that the tests of this package have read in the status of a Droplet. Tests of a package
// do not run in parallel.
var reasonsSeen = map[string]bool{}

// sharedReasons are those that a Droplet has in common with other kinds.
var sharedReasons = []string{
	spawnv1.ReadyReason, spawnv1.DeletingReason, spawnv1.CredentialsInvalidReason, spawnv1.ThrottledReason,
	spawnv1.CloudUnavailableReason, spawnv1.WaitingForInstanceReason,
}

func note(droplet *spawnv1.Droplet) {
	for _, c := range droplet.Status.Conditions {
		reasonsSeen[c.Reason] = true
	}
}

// everyReasonWasSeen fails the package when a reason of a Droplet's conditions was provoked by no test.
func everyReasonWasSeen() error {
	declared, err := reasonsIn("../../api/v1alpha1/droplet_conditions.go")
	if err != nil {
		return err
	}
	var unseen []string
	for _, reason := range append(declared, sharedReasons...) {
		if !reasonsSeen[reason] {
			unseen = append(unseen, reason)
		}
	}
	if len(unseen) > 0 {
		return fmt.Errorf("FAIL: no test provokes the reasons %s", strings.Join(unseen, ", "))
	}
	return nil
}

// reasonsIn are the values of the constants in a file whose names end in Reason.
func reasonsIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the reasons: %w", err)
	}
	var reasons []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasSuffix(spec.Names[0].Name, "Reason") {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			if value, err := strconv.Unquote(literal.Value); err == nil {
				reasons = append(reasons, value)
			}
		}
		return true
	})
	if len(reasons) == 0 {
		return nil, fmt.Errorf("no reasons are declared in %s", path)
	}
	return reasons, nil
}
