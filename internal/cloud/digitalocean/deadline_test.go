// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// pipes is a network in memory: in a synctest bubble its time is the bubble's, so a deadline of a minute is reached at
// once, exactly, and only when nothing else can happen.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed: // not for ctx: net/http lets a dial go on when its request has ended
		return nil, net.ErrClosed
	}
}

// overPipes connects a Client to a handler inside a bubble, with the deadlines that it has by default.
func overPipes(t *testing.T, handler http.Handler) *Client {
	t.Helper()
	network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(network) }()
	real := transport(t)
	real.DialContext = network.dial
	t.Cleanup(func() { _ = server.Close() })
	return connect(t, Options{BaseURL: "http://api.invalid", Transport: real},
		func(o *Options) { o.Timeout, o.CreateTimeout = 0, 0 })
}

// took is how long a call lasted, on the bubble's clock.
func took(call func() error) (time.Duration, error) {
	start := clock.RealClock{}.Now()
	err := call()
	return clock.RealClock{}.Since(start), err
}

// stallAfter answers with the beginning of an answer, and then keeps the client waiting until it goes.
func stallAfter(status int, beginning string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client goes
		if status > 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, beginning)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
}

func TestEveryCallEndsAtItsDeadline(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no answer":      stallAfter(0, ""),
		"half an answer": stallAfter(http.StatusOK, `{"droplet":`),
		"half a refusal": stallAfter(http.StatusNotFound, `{"id":"not_found"`),
	} {
		for op, call := range everyCall(nil) {
			t.Run(op+" and "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client := overPipes(t, handler)
					call = everyCall(client)[op]
					want := defaultTimeout
					if op == "Create" {
						want = defaultCreateTimeout
					}
					got, err := took(func() error { return call(t.Context()) })
					wantKind(t, err, cloud.Unavailable)
					if got != want {
						t.Errorf("it took %v, want %v", got, want)
					}
				})
			})
		}
	}
}

// outlives tells whether a call runs to its answer once it has begun: a request that may have been obeyed and must not
// be repeated.
func outlives(op string) bool {
	return slices.Contains([]string{"Create", "Act", "CreateFirewall"}, op)
}

func everyCall(c *Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Create":     func(ctx context.Context) error { _, err := c.Create(ctx, request("scout")); return err },
		"Get":        func(ctx context.Context) error { _, err := c.Get(ctx, 7); return err },
		"FindByName": func(ctx context.Context) error { _, err := c.FindByName(ctx, "scout"); return err },
		"ListByTag":  func(ctx context.Context) error { _, err := c.ListByTag(ctx, fleetTag); return err },
		"Delete":     func(ctx context.Context) error { return c.Delete(ctx, 7) },
		"List":       func(ctx context.Context) error { _, err := c.List(ctx); return err },
		"Act": func(ctx context.Context) error {
			_, err := c.Act(ctx, 7, cloud.ActionRequest{Type: cloud.ActionPowerOff})
			return err
		},
		"Action":         func(ctx context.Context) error { _, err := c.Action(ctx, 7, 8); return err },
		"Actions":        func(ctx context.Context) error { _, err := c.Actions(ctx, 7); return err },
		"SnapshotsOf":    func(ctx context.Context) error { _, err := c.SnapshotsOf(ctx, 7); return err },
		"ListSnapshots":  func(ctx context.Context) error { _, err := c.ListSnapshots(ctx); return err },
		"DeleteSnapshot": func(ctx context.Context) error { return c.DeleteSnapshot(ctx, 7) },
		"EnsureTag":      func(ctx context.Context) error { return c.EnsureTag(ctx, fleetTag) },
		"Tag":            func(ctx context.Context) error { return c.Tag(ctx, 7, fleetTag) },
		"ListFirewalls":  func(ctx context.Context) error { _, err := c.ListFirewalls(ctx); return err },
		"CreateFirewall": func(ctx context.Context) error { _, err := c.CreateFirewall(ctx, wall("wall")); return err },
		"UpdateFirewall": func(ctx context.Context) error {
			wanted := wall("wall")
			wanted.ID = "7"
			return c.UpdateFirewall(ctx, wanted)
		},
		"Sizes": func(ctx context.Context) error { _, err := c.Sizes(ctx); return err },
		"Image": func(ctx context.Context) error { _, err := c.Image(ctx, "ubuntu-24-04-x64"); return err },
		"Team":  func(ctx context.Context) error { _, err := c.Team(ctx); return err },
	}
}

func TestTheCallersDeadlineHoldsForAllThatMayBeRepeated(t *testing.T) {
	for op := range everyCall(nil) {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := overPipes(t, stallAfter(0, ""))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				want := time.Second
				switch {
				case op == "Create":
					want = defaultCreateTimeout
				case outlives(op):
					want = defaultTimeout
				}
				got, err := took(func() error { return everyCall(client)[op](ctx) })
				wantKind(t, err, cloud.Unavailable)
				if got != want {
					t.Errorf("it took %v, want %v", got, want)
				}
				wantKind(t, everyCall(client)[op](ctx), cloud.NotSent)
			})
		})
	}
}

func TestAListOfManySlowPagesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := dosim.New(dosim.Options{Tokens: []string{testToken}})
		defer sim.Close()
		plantFleet(sim, 13*perPage)
		sim.AddFault(dosim.Fault{Kind: dosim.FaultDelay, Delay: defaultTimeout - time.Second, Count: dosim.Forever})
		client := overPipes(t, sim)
		got, err := took(func() error { _, err := client.ListByTag(t.Context(), fleetTag); return err })
		wantKind(t, err, cloud.Unavailable)
		if want := passTimeouts * defaultTimeout; got != want {
			t.Errorf("it took %v, want %v", got, want)
		}
	})
}

func TestACreateThatNobodyAnswers(t *testing.T) {
	for _, warm := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			sim := dosim.New(dosim.Options{Tokens: []string{testToken}})
			defer sim.Close()
			client := overPipes(t, sim)
			if warm {
				if _, err := client.FindByName(t.Context(), "warm-up"); err != nil {
					t.Fatal(err)
				}
			}
			sim.AddFault(dosim.Fault{
				Kind: dosim.FaultLateCommit, Hang: true, Delay: time.Second, Method: http.MethodPost,
			})
			got, err := took(func() error { _, err := client.Create(t.Context(), request("scout")); return err })
			wantKind(t, err, cloud.Unavailable)
			if !errors.Is(err, context.DeadlineExceeded) || got != defaultCreateTimeout {
				t.Errorf("it took %v: %v", got, err)
			}
			time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock: nobody waits
			if posts, live := sim.Requests(http.MethodPost, ""), len(sim.Live("")); posts != 1 || live != 1 {
				t.Errorf("%d POSTs and %d instances, want one late one", posts, live)
			}
		})
	}
}

func TestADialThatNobodyAnswersIsNotSent(t *testing.T) {
	for op := range everyCall(nil) {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nowhere := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				defer nowhere.Close()
				client := connect(t, Options{
					BaseURL: "http://api.invalid", Transport: &http.Transport{DialContext: nowhere.dial},
				}, func(o *Options) { o.Timeout, o.CreateTimeout = time.Second, time.Second })
				got, err := took(func() error { return everyCall(client)[op](t.Context()) })
				wantKind(t, err, cloud.NotSent)
				if got != time.Second {
					t.Errorf("it took %v", got)
				}
			})
		})
	}
}
