// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// requestIDHeader has the request's id, also when there is no body to have it.
const requestIDHeader = "X-Request-Id"

// exchange is one request and its answer.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	id    string
	from  netip.Addr
	began time.Time
	// machine is who asks, once that is proven.
	machine string
	status  int
}

func newExchange(w http.ResponseWriter, r *http.Request, now time.Time) *exchange {
	bits := make([]byte, 8)
	_, _ = rand.Read(bits) // it never fails: see crypto/rand
	x := &exchange{w: w, r: r, id: hex.EncodeToString(bits), began: now}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		x.from = peer.Addr().Unmap().WithZone("")
	}
	w.Header().Set(requestIDHeader, x.id)
	w.Header().Set("Cache-Control", "no-store")
	return x
}

// network is what is limited as one: an address, or the /64 that one machine has of IPv6.
func (x *exchange) network() string {
	const machineBits = 64
	if x.from.Is6() {
		return netip.PrefixFrom(x.from, machineBits).Masked().String()
	}
	return x.from.String()
}

// read reads the body, one JSON value. Fields that we do not know are of another version, and are ignored.
func (x *exchange) read(into any) error {
	content, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, protocol.MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case err != nil:
		return &refusal{code: protocol.CodeBadRequest, cause: fmt.Errorf("reading the body: %w", err)}
	}
	if err := json.Unmarshal(content, into); err != nil {
		return &refusal{code: protocol.CodeBadRequest, cause: fmt.Errorf("understanding the body: %w", err)}
	}
	return nil
}

// answer sends what was asked for.
func (x *exchange) answer(body any) error { return x.send(http.StatusOK, "application/json", body) }

func (x *exchange) send(status int, mediaType string, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	x.w.Header().Set("Content-Type", mediaType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	x.head(status)
	_, _ = x.w.Write(content) // who does not wait for the answer asks again
	return nil
}

// head sends an answer without a body, or the head of one.
func (x *exchange) head(status int) {
	x.status = status
	x.w.WriteHeader(status)
}

// refuse sends a refusal.
func (x *exchange) refuse(r *refusal) {
	header := x.w.Header()
	if after := r.retryAfter(); after > 0 {
		header.Set("Retry-After", strconv.Itoa(after))
	}
	if r.code == protocol.CodeUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	p := r.problem(x.id)
	_ = x.send(p.Status, protocol.ProblemType, p) // a Problem is always JSON
}
