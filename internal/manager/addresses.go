// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"net"

	"github.com/cedros-io/open-spawn/internal/options"
)

// checkAddresses names the flag of an address that nothing can listen on. The servers themselves would not, and that of
// the metrics is started last of all.
func checkAddresses(settings options.Manager) error {
	for _, address := range []struct{ flag, value string }{
		{"--metrics-bind-address", settings.MetricsBindAddress},
		{"--health-probe-bind-address", settings.HealthProbeBindAddress},
		{"--webhook-bind-address", settings.WebhookBindAddress},
	} {
		if isNowhere(address.value) {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", address.value); err != nil {
			return fmt.Errorf("%s: %w", address.flag, err)
		}
	}
	return nil
}

// isNowhere tells whether an address means that nothing is served.
func isNowhere(address string) bool { return address == "" || address == "0" }
