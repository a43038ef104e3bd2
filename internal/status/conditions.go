// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package status writes the truth about an object: conditions with their observed generation, Ready computed from them,
// and one patch under the object's resourceVersion. Nothing else touches a conditions slice.
package status

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxMessage keeps a condition's message readable in a terminal; the API allows 32 KiB.
const maxMessage = 1024

// Object is a kind whose status this package writes.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions(conditions []metav1.Condition)
	SetObservedGeneration(generation int64)
}

// True is a condition that holds.
func True(conditionType, reason, format string, args ...any) metav1.Condition {
	return condition(conditionType, metav1.ConditionTrue, reason, format, args...)
}

// False is a condition that does not hold.
func False(conditionType, reason, format string, args ...any) metav1.Condition {
	return condition(conditionType, metav1.ConditionFalse, reason, format, args...)
}

// Unknown is a condition of which nothing can be said now.
func Unknown(conditionType, reason, format string, args ...any) metav1.Condition {
	return condition(conditionType, metav1.ConditionUnknown, reason, format, args...)
}

func condition(
	conditionType string, status metav1.ConditionStatus, reason, format string, args ...any,
) metav1.Condition {
	message := shorten(fmt.Sprintf(format, args...))
	return metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: message}
}

// shorten makes a message fit for the API: valid UTF-8, because JSON would store something else and the status would
// never again equal what was written, and not too long, without cutting a character in two.
func shorten(message string) string {
	message = strings.ToValidUTF8(message, string(utf8.RuneError))
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage - len("...")
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "..."
}

// Set puts a condition on the object for its present generation. The transition time is now when the condition's status
// changes, and stays otherwise.
func Set(obj Object, now time.Time, condition metav1.Condition) {
	conditions := obj.GetConditions()
	condition.ObservedGeneration = obj.GetGeneration()
	condition.LastTransitionTime = metav1.NewTime(now)
	meta.SetStatusCondition(&conditions, condition)
	obj.SetConditions(conditions)
}

// Remove takes a condition off the object.
func Remove(obj Object, conditionType string) {
	conditions := obj.GetConditions()
	meta.RemoveStatusCondition(&conditions, conditionType)
	obj.SetConditions(conditions)
}

// Get is the object's condition of that type, nil when it has none.
func Get(obj Object, conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(obj.GetConditions(), conditionType)
}

// IsTrue tells whether the object's condition of that type is True, whatever generation it speaks of.
func IsTrue(obj Object, conditionType string) bool {
	return meta.IsStatusConditionTrue(obj.GetConditions(), conditionType)
}

// Reason is the reason of the object's condition of that type, empty when it has none.
func Reason(obj Object, conditionType string) string {
	if c := Get(obj, conditionType); c != nil {
		return c.Reason
	}
	return ""
}
