// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/testenv"
)

// isWrite tells whether a request changes something in the API server.
func isWrite(request *http.Request) bool {
	return !strings.HasPrefix(request.URL.Path, "/v2/") && request.Method != http.MethodGet
}

// TestATalkingLifeGoesOnWhateverWriteGoesWrong ends the manager after a write, or loses the reply to it: after every
// other write, and the rest in the next run, so that all have their turn in time that a test may take.
func TestATalkingLifeGoesOnWhateverWriteGoesWrong(t *testing.T) {
	const most = 60
	for n := 1 + rand.IntN(2); n < most; n += 2 {
		more := false
		if !t.Run(fmt.Sprint("write ", n), func(t *testing.T) { more = lives(t, n) }) || !more {
			return
		}
	}
	t.Fatal("there is no end to the writes")
}

// lives is the life of a bot whose machine talks, from apply through an edit to the end, with something that goes wrong
// at the nth write. It is false when there was no such write.
func lives(t *testing.T, nth int) bool {
	t.Helper()
	e := testenv.New(t)
	m := e.Talk()
	e.GivenAccount()
	e.Settle()
	seen := 0
	e.Manager.After = func(request *http.Request) error {
		if !isWrite(request) {
			return nil
		}
		if seen++; seen == nth && nth%4 > 1 {
			return errors.New("the reply is lost")
		} else if seen == nth {
			e.Manager.Kill()
		}
		return nil
	}
	until := func(goal string, done func() bool) {
		e.Until(goal, func() bool {
			if e.Manager.IsDead() {
				e.Restart()
			}
			return done()
		})
	}
	ready := func() bool { return e.IsReady(e.Bot("scout")) }
	bot := e.GivenBot("scout")
	until("it is Ready", ready)
	edit(e, "another")
	until("the edit runs", func() bool { return ready() && e.Bot("scout").Status.Config.AppliedVersion > 1 })
	last := m.Configs["scout"][len(m.Configs["scout"])-1]
	if last.Config.LLM.Model != "another" || last.Version != 2 {
		t.Errorf("the last config is %+v, want version 2", last)
	}
	if left := m.Left(); len(left) != 2 {
		t.Errorf("there are %v, want the letter and the Lease of one machine", left)
	}
	e.Delete(bot)
	until("it is gone", func() bool { return !e.Exists(bot) })
	if left := m.Left(); len(left) != 0 || len(e.Live("scout")) != 0 || e.Ever() != 1 {
		t.Errorf("left behind: %v, instances %v of %d", left, e.Live("scout"), e.Ever())
	}
	return seen >= nth
}
