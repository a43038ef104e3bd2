// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"testing"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

// A runnable that ends with an error ends the manager with all its controllers.
func TestARotatorThatGivesUpDoesNotEndTheManager(t *testing.T) {
	rotating := &rotator.CertRotator{}
	if err := rotating.Start(t.Context()); err == nil {
		t.Fatal("a rotator that was never added starts")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- steadfast{rotating}.Start(ctx) }()
	select {
	case err := <-ended:
		t.Fatalf("it ended with %v", err)
	default:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
