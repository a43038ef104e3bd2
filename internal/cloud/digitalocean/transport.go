// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// idleTimeout closes our side of a quiet connection before middleboxes forget it, which they do after minutes; a
	// request on a forgotten connection is a doubt.
	idleTimeout = 60 * time.Second
	// idlePerHost keeps a connection for each of the workers that usually call at once; net/http's 2 would redial.
	idlePerHost = 16
	// maxRefusal is how much of an error's body is read. The API's are below 1 KiB, an edge's pages below 64 KiB.
	maxRefusal = 64 << 10
	// maxAnswer bounds what a broken peer can make us hold: a page of 200 droplets has about 1 MiB.
	maxAnswer = 16 << 20
)

// NewTransport makes the http.Transport that Connect uses when Options.Transport is nil, for those who wrap it.
//
// It speaks HTTP/1.1 only. There net/http repeats a request that is not idempotent in one case alone: a reused
// connection broke before a single byte of the request was written to it, so no server can have seen any of it. HTTP/2
// would also repeat a POST that was written when the peer says, by GOAWAY or REFUSED_STREAM, that it did not look at
// it; a proxy that says so wrongly would give us two machines.
func NewTransport(o Options) *http.Transport {
	if o.DialTimeout <= 0 {
		o.DialTimeout = defaultDialTimeout
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   o.DialTimeout,
		ResponseHeaderTimeout: max(o.Timeout, o.CreateTimeout, defaultCreateTimeout), // behind each call's own deadline
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   idlePerHost,
		Protocols:             protocols,
	}
}

// authorizer puts the current token on each request, and stops a request for which there is none that can be sent.
type authorizer struct {
	next  http.RoundTripper
	token func() string
}

// RoundTrip implements http.RoundTripper.
func (a *authorizer) RoundTrip(request *http.Request) (*http.Response, error) {
	token := strings.TrimSpace(a.token())
	if fault := faultOf(token); fault != "" {
		if request.Body != nil {
			_ = request.Body.Close() // a RoundTripper closes the body even when it fails; nobody reads it any more
		}
		return nil, &cloud.Error{Kind: cloud.Unauthorized, Message: fault}
	}
	if x := exchangeOf(request); x != nil {
		x.token = token
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(request)
}

// faultOf says what is wrong with a token without showing any of it. Tokens are visible ASCII; anything else is a
// mangled file, and could otherwise forge headers.
func faultOf(token string) string {
	if token == "" {
		return "the API token is empty"
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return "the API token contains white space, a control character or a character outside ASCII"
		}
	}
	return ""
}

// exchange is what was seen of one request: whether it can have left this process, and what came back. It travels in
// the request's context as net/http's own traces do; godo passes on neither.
type exchange struct {
	// A transport can run in a goroutine that outlives the call, hence atomic.
	connecting, connected atomic.Bool
	// token is the credential it bore, so that it can be kept out of what a peer makes us say; set by authorizer, and
	// answer by observer, both in the goroutine of the call.
	token  string
	answer *answer
}

// answer is a reply as errors.go wants it.
type answer struct {
	status int
	header http.Header
	// body is what could be read of an error's body, and readErr why there is not more. A success is not read here.
	body    []byte
	readErr error
}

type exchangeKey struct{}

func exchangeOf(request *http.Request) *exchange {
	x, _ := request.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// observe prepares a context for exactly one request.
func observe(ctx context.Context) (context.Context, *exchange) {
	x := &exchange{}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// net/http asks for a second connection only after writing nothing to the first (see NewTransport), or for
		// a read, so the request is back where it was.
		GetConn: func(string) { x.connected.Store(false); x.connecting.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { x.connected.Store(true) },
	}), x
}

// neverSent tells whether the request provably stayed here: a transport asked for a connection and never had one.
// WroteHeaders would prove nothing: it is called by another goroutine, which may still write after the call has
// returned on its deadline.
func (x *exchange) neverSent() bool {
	return x.answer == nil && x.connecting.Load() && !x.connected.Load()
}

// call makes one request under its own deadline, and gives its failure a meaning. An error of request that is not
// godo's says that a success was unusable.
func (c *Client) call(
	ctx context.Context, op string, timeout time.Duration, request func(context.Context) (*godo.Response, error),
) error {
	if err := ctx.Err(); err != nil {
		return notSent(op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, x := observe(ctx)
	if _, err := request(ctx); err != nil {
		return explain(op, x, err, c.clock.Now())
	}
	return nil
}

// keep remembers the reply for errors.go and bounds what can be read of it.
func (x *exchange) keep(response *http.Response) {
	x.answer = &answer{status: response.StatusCode, header: response.Header}
	if isSuccess(response.StatusCode) {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
		return
	}
	x.answer.body, x.answer.readErr = io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	_ = response.Body.Close() // everything wanted of it has been read
	response.Body = http.NoBody
}

func isSuccess(status int) bool { return status/100 == 2 }
