// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.MainThen(m, everyReasonWasSaid) }

// reasonsSaid are the reasons of the events that the tests of this package have read.
var reasonsSaid = map[string]bool{}

// everyReasonWasSaid fails the package when no test provokes one of the sweeper's reasons.
func everyReasonWasSaid() error {
	const path = "../../api/v1alpha1/orphan_conditions.go"
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	declared := regexp.MustCompile(`\w+Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(declared) == 0 {
		return fmt.Errorf("no reasons are declared in %s", path)
	}
	for _, reason := range declared {
		if !reasonsSaid[reason[1]] {
			return fmt.Errorf("FAIL: no test provokes the reason %s", reason[1])
		}
	}
	return nil
}
