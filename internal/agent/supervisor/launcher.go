// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import "context"

// Launcher starts a program.
type Launcher interface {
	// adopt is what an agent before us has left running for us; nil when there is nothing.
	adopt(ctx context.Context) started
	// clear ends what an agent before us has started and could not stop.
	clear(ctx context.Context)
	// start starts it, with the files that are in place. It does not end with ctx.
	start(ctx context.Context) (started, error)
}

// started is one program that was started.
type started interface {
	// id is that of its process; 0 while that is not known.
	id() int
	// ended is closed when it is gone, with all that it had started.
	ended() <-chan struct{}
	// end is how it ended, once it has: its exit code, -1 for a signal, and that in words with what it said last.
	end() (code int, words string)
	// ask has it end by itself, kill ends it, and tell says that it has other files. None of them waits.
	ask()
	kill()
	tell()
	// leave lets it go on without us; false when it cannot.
	leave() bool
}
