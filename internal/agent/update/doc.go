// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package update has the agent replace itself by another build, and go back when that does not work. The agent that
// root has installed decides at each start which build runs, and runs itself when in doubt; builds that were fetched
// are in the agent's own directory, under the names of their digests. One that was never proven is on trial: it is
// started twice at most, and is proven when a gateway has answered it. A guard of the installed build ends it if that
// takes too long.
package update
