// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// readyTimeout bounds a child's start: alone it takes a second or two.
	readyTimeout  = time.Minute
	readyInterval = 100 * time.Millisecond
	// startTail is how many lines of a log explain a start that failed.
	startTail = 10
)

// awaitReady returns when the process says that it is ready.
func (p *Process) awaitReady(ctx context.Context, probes string) error {
	return wait.PollUntilContextTimeout(ctx, readyInterval, readyTimeout, true,
		func(ctx context.Context) (bool, error) {
			if err := p.alive(); err != nil {
				return false, err
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, probes+"/readyz", nil)
			if err != nil {
				return false, err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return false, nil //nolint:nilerr // it does not listen yet
			}
			return response.StatusCode == http.StatusOK, response.Body.Close()
		})
}

// addresses are free ports on loopback, for what a program serves: what it is for, and how it is.
type addresses struct{ main, probe, metrics string }

// freeAddresses finds them: the programs do not tell which one they were given for port 0.
func freeAddresses(ctx context.Context) (addresses, error) {
	var found addresses
	var config net.ListenConfig
	for _, into := range []*string{&found.main, &found.probe, &found.metrics} {
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return found, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // all at the end, so that they differ
		*into = listener.Addr().String()
	}
	return found, nil
}
