// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Violation is one thing that is not allowed.
type Violation struct {
	// Reason is that of condition Admitted.
	Reason string
	// Field is what the user would change, such as spec.machine.size.
	Field string
	// Message says what is wrong and what helps. It does not repeat the field.
	Message string
}

// String is the field and the message.
func (v Violation) String() string { return v.Field + ": " + v.Message }

func violation(reason, field, format string, args ...any) Violation {
	return Violation{Reason: reason, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Added are the violations that were not there before: what somebody who changes a Bot answers for.
func Added(before, after []Violation) []Violation {
	return slices.DeleteFunc(slices.Clone(after), func(v Violation) bool { return slices.Contains(before, v) })
}

// Messages joins violations into one message.
func Messages(violations []Violation) string {
	said := make([]string, len(violations))
	for i, v := range violations {
		said[i] = v.String()
	}
	return strings.Join(said, "; ")
}
