// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// exchange is a call together with the connection that it came by.
type exchange struct {
	s *Server
	c *call
	w http.ResponseWriter
	r *http.Request
}

// inflictions serve an admitted request in every way there is; the empty kind is no fault at all.
var inflictions = map[FaultKind]func(*exchange){
	"":               func(x *exchange) { x.send(x.s.commit(x.c)) },
	FaultErrored:     func(x *exchange) { x.send(x.s.commit(x.c)) }, // the handlers ask call.dooms
	FaultStatus:      func(x *exchange) { x.send(x.c.fault.reply()) },
	FaultStatusAfter: func(x *exchange) { x.s.commit(x.c); x.send(x.c.fault.reply()) },
	FaultDelay:       (*exchange).delay,
	FaultHang:        func(x *exchange) { x.hold(x.c.fault.Delay); x.drop() },
	FaultCutBody:     (*exchange).cut,
	FaultDropBefore:  (*exchange).drop,
	FaultDropAfter:   func(x *exchange) { x.s.commit(x.c); x.drop() },
	FaultLateCommit:  (*exchange).commitLate,
	FaultIgnore:      func(x *exchange) { x.send(noContent()) },
}

func (x *exchange) delay() {
	if d := x.c.fault.Delay; d > 0 && !x.hold(d) {
		x.drop()
	}
	x.send(x.s.commit(x.c))
}

// commitLate schedules the change, so that it happens at its instant even though nobody waits for it any more.
func (x *exchange) commitLate() {
	if x.c.fault.Hang {
		x.hold(0)
	}
	leave := x.s.enter()
	x.s.timeline.at(x.s.now.Add(x.c.fault.Delay), func() { x.s.commitNow(x.c) })
	leave()
	x.drop()
}

// hold keeps the client waiting for that long on the simulator's clock, or until it goes if d is zero, and tells
// whether it is still there.
func (x *exchange) hold(d time.Duration) bool {
	var over <-chan time.Time
	if d > 0 {
		timer := x.s.clock.NewTimer(d)
		defer timer.Stop()
		over = timer.C()
	}
	select {
	case <-over:
		return true
	case <-x.r.Context().Done():
		return false
	case <-x.s.closed:
		return false
	}
}

// drop closes the connection without an answer. It does not return. It says the first word of an answer, because Go's
// client by itself repeats a GET whose kept-alive connection was closed without one: the fault would go unnoticed.
func (x *exchange) drop() {
	if connection, _, err := http.NewResponseController(x.w).Hijack(); err == nil {
		_, _ = connection.Write([]byte("HTTP/1.1 "))
		_ = connection.Close()
	}
	panic(http.ErrAbortHandler)
}

func (x *exchange) send(answer reply) {
	body := x.header(answer)
	x.w.WriteHeader(answer.status)
	_, _ = x.w.Write(body) // the client may be gone, which is its own affair
}

// cut promises the whole body and sends half of it.
func (x *exchange) cut() {
	answer := x.s.commit(x.c)
	body := x.header(answer)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(answer.status)
	_, _ = x.w.Write(body[:len(body)/2])
	_ = http.NewResponseController(x.w).Flush() // a recorder in a test need not be able to
	panic(http.ErrAbortHandler)
}

// header sets the header of an answer and gives its body. The status is in the journal before it is on the wire.
func (x *exchange) header(answer reply) []byte {
	leave := x.s.enter()
	x.c.entry.Status = answer.status
	leave()

	h := x.w.Header()
	h.Set("X-Request-Id", x.c.entry.RequestID)
	x.c.limits.write(h)
	if answer.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(answer.retry))
	}
	if answer.html {
		h.Set("Content-Type", "text/html; charset=UTF-8")
		return []byte(edgePage)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if answer.body == nil {
		return nil
	}
	if problem, ok := answer.body.(*problemBody); ok {
		problem.RequestID = x.c.entry.RequestID
	}
	body, err := json.Marshal(answer.body)
	if err != nil {
		panic("dosim: encoding an answer: " + err.Error())
	}
	return append(body, '\n')
}

// reply is the answer of a fault that answers.
func (f Fault) reply() reply {
	id, message := defaultProblem(f.Status)
	if f.ID != "" {
		id = f.ID
	}
	if f.Message != "" {
		message = f.Message
	}
	answer := refuse(f.Status, id, message)
	answer.html = f.HTML
	answer.retry = seconds(f.RetryAfter)
	return answer
}

// seconds rounds up, because a client that comes a moment too early is refused again.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
