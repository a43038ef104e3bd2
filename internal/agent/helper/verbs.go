// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

// The verbs. None of them takes an argument.
const (
	// StartRuntime starts OpenClaw, and returns when its process is there.
	StartRuntime = "start-runtime"
	// StopRuntime asks OpenClaw to end, and does not wait for that.
	StopRuntime = "stop-runtime"
	// KillRuntime ends OpenClaw and all that it has started, now, and for good.
	KillRuntime = "kill-runtime"
)

const (
	systemctl = "/usr/bin/systemctl"
	unit      = "openclaw.service"
)

// commandsOf are the commands of a verb, in order; none for what is no verb. One that is killed is asked to end first:
// it is not to be started again.
func commandsOf(verb string) [][]string {
	switch verb {
	case StartRuntime:
		return [][]string{{systemctl, "start", unit}}
	case StopRuntime:
		return [][]string{{systemctl, "stop", "--no-block", unit}}
	case KillRuntime:
		return [][]string{{systemctl, "stop", "--no-block", unit}, {systemctl, "kill", "--signal=SIGKILL", unit}}
	default:
		return nil
	}
}
