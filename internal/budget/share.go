// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import "time"

const (
	// accountShare is how much of the hour an account may have while others wait.
	accountShare = 0.2
	// botOperations is how often a machine may be made, destroyed or acted on for a bot in an hour, while others wait or
	// the hour is half gone: a bot that flips in a loop is stopped after three, before it has eaten anything that others
	// would miss. One person who deploys again and again on an idle fleet takes nothing from anybody.
	botOperations = 6
	// idle is the share of the hour that is left while nobody can miss what a bot takes.
	idle = 0.5
	// sharePause is how soon an account that has had its share asks whether the others are served.
	sharePause = time.Minute
)

// shares are what each account and each bot has had in the last hour.
type shares struct {
	accounts map[string]*window
	bots     map[string]*operations
	swept    time.Time
}

// operations are what was done to a bot's machines.
type operations struct {
	window
	destroyed int64 // the last instance that was destroyed, so that asking again for the same is not another operation
}

func newShares() shares {
	return shares{accounts: map[string]*window{}, bots: map[string]*operations{}}
}

// spent counts calls of an account; no account is the fleet.
func (s *shares) spent(account string, now time.Time, n int) (until time.Time) {
	if account == "" {
		return now
	}
	w, ok := s.accounts[account]
	if !ok {
		w = &window{span: time.Hour}
		s.accounts[account] = w
	}
	return w.add(now, n)
}

func (s *shares) takeBack(account string, until time.Time, n int) {
	if w, ok := s.accounts[account]; ok {
		w.remove(until, n)
	}
}

// isGreedy tells whether the account has had its share of an hour with so many calls.
func (s *shares) isGreedy(account string, now time.Time, limit int) bool {
	w, ok := s.accounts[account]
	return ok && float64(w.count(now)) >= accountShare*float64(limit)
}

// operated counts that a machine of the bot was destroyed, for which the id is its own, or that it was made or acted
// on, for which the id is 0. No bot is the fleet.
func (s *shares) operated(bot string, id int64, now time.Time) {
	if bot == "" {
		return
	}
	o, ok := s.bots[bot]
	if !ok {
		o = &operations{window: window{span: time.Hour}}
		s.bots[bot] = o
	}
	if id != 0 && id == o.destroyed {
		return
	}
	if id != 0 {
		o.destroyed = id
	}
	o.add(now, 1)
}

// botOpens is when the bot has had less than its share of operations. A machine may always be stopped and destroyed.
func (s *shares) botOpens(bot string, need int, now time.Time) time.Time {
	o, ok := s.bots[bot]
	if !ok {
		return now
	}
	return opens(now, time.Hour, botOperations, need, func(at time.Time) int { return botOperations - o.count(at) })
}

// sweep forgets who has spent nothing for an hour.
func (s *shares) sweep(now time.Time) {
	if now.Before(s.swept.Add(time.Minute)) {
		return
	}
	s.swept = now
	for account, w := range s.accounts {
		if w.expire(now); len(w.spent) == 0 {
			delete(s.accounts, account)
		}
	}
	for bot, o := range s.bots {
		if o.expire(now); len(o.spent) == 0 {
			delete(s.bots, bot)
		}
	}
}
