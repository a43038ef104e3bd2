// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// keyListLimit is how often the list of keys may be read in a minute, apart from all other limits.
const keyListLimit = 10

// limits are the headers that every answer carries. There is none for the minute.
type limits struct {
	limit, remaining int
	reset            int64
}

func (l limits) write(h http.Header) {
	h.Set("Ratelimit-Limit", strconv.Itoa(l.limit))
	h.Set("Ratelimit-Remaining", strconv.Itoa(l.remaining))
	h.Set("Ratelimit-Reset", strconv.FormatInt(l.reset, 10))
}

// window remembers the requests of the last span: each counts from when it was made until span later.
type window struct {
	span time.Duration
	hits []time.Time
}

func (w *window) expire(now time.Time) {
	horizon := now.Add(-w.span)
	first := slices.IndexFunc(w.hits, func(t time.Time) bool { return t.After(horizon) })
	if first < 0 {
		first = len(w.hits)
	}
	w.hits = w.hits[first:]
}

// full tells whether there is no room for another request; a limit of zero is no limit.
func (w *window) full(limit int) bool { return limit > 0 && len(w.hits) >= limit }

// opens is when the oldest request expires, so that one more fits.
func (w *window) opens(now time.Time) time.Time {
	if len(w.hits) == 0 {
		return now
	}
	return w.hits[0].Add(w.span)
}

// limiter counts the requests of one token.
type limiter struct{ hour, minute, keyList window }

func newLimiter() *limiter {
	return &limiter{hour: window{span: time.Hour}, minute: window{span: time.Minute}, keyList: window{span: time.Minute}}
}

func (s *Server) limiter(token string) *limiter {
	l, ok := s.limiters[token]
	if !ok {
		l = newLimiter()
		s.limiters[token] = l
	}
	for _, w := range []*window{&l.hour, &l.minute, &l.keyList} {
		w.expire(s.now)
	}
	return l
}

// limit counts a request against its token, or refuses it. A refused request does not count.
func (s *Server) limit(c *call) *reply {
	l := s.limiter(c.token)
	refusal := s.over(l, c.route.limitsKeyList)
	if refusal == nil {
		l.take(s.now, c.route.limitsKeyList)
	}
	c.limits = s.limits(l)
	if refusal != nil {
		c.limits.remaining = 0
	}
	return refusal
}

// over refuses with retry-after for a burst, and without it when the hour is used up.
func (s *Server) over(l *limiter, keyList bool) *reply {
	refusal := refuse(http.StatusTooManyRequests, "too_many_requests", "API rate limit exceeded.")
	switch {
	case l.hour.full(s.opts.HourlyLimit):
		return &refusal
	case l.minute.full(s.opts.MinuteLimit):
		refusal.retry = seconds(l.minute.opens(s.now).Sub(s.now))
		return &refusal
	case keyList && s.opts.MinuteLimit > 0 && l.keyList.full(keyListLimit):
		refusal.retry = seconds(l.keyList.opens(s.now).Sub(s.now))
		return &refusal
	}
	return nil
}

func (l *limiter) take(now time.Time, keyList bool) {
	l.hour.hits = append(l.hour.hits, now)
	l.minute.hits = append(l.minute.hits, now)
	if keyList {
		l.keyList.hits = append(l.keyList.hits, now)
	}
}

func (s *Server) limits(l *limiter) limits {
	if s.opts.HourlyLimit == 0 {
		return strangerLimits(&s.opts, s.now)
	}
	return limits{
		limit:     s.opts.HourlyLimit,
		remaining: max(0, s.opts.HourlyLimit-len(l.hour.hits)),
		reset:     l.hour.opens(s.now).Unix(),
	}
}

// strangerLimits are told to a token that is not counted.
func strangerLimits(o *Options, now time.Time) limits {
	limit := o.HourlyLimit
	if limit == 0 {
		limit = publishedHourlyLimit
	}
	return limits{limit: limit, remaining: limit, reset: now.Unix()}
}

// SpendRequests uses up n requests of the token's hour, as another program does that shares it. The minute is not
// touched.
func (s *Server) SpendRequests(token string, n int) {
	defer s.enter()()
	l := s.limiter(token)
	for range n {
		l.hour.hits = append(l.hour.hits, s.now)
	}
}
