// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// The sweeps take a clean run apart: for every request n of it there is one run for everything that can go wrong with
// request n. A failing run is repeated by the name of its subtest.

var (
	errKilled = errors.New("the process was killed")
	errLost   = errors.New("the reply was lost")
	// errAPIServer is a 500 as client-go hands it on.
	errAPIServer = apierrors.NewInternalError(errors.New("etcd leader changed"))
)

// bootsFast keeps the runs short: with one look at the booting instance, every kind of request is in them.
func bootsFast(o *dosim.Options) { o.StateDelay = 4 * time.Second }

// misfortunes are what can go wrong with one request. Each is called before the request and after its reply.
var misfortunes = map[string]struct {
	before, after func(w *world, request *http.Request) error
}{
	"killed before it": {
		before: func(w *world, _ *http.Request) error { w.Manager.Kill(); return errKilled },
	},
	"killed after its commit": {
		after: func(w *world, _ *http.Request) error { w.Manager.Kill(); return errKilled },
	},
	"its reply is lost": {
		after: func(*world, *http.Request) error { return errLost },
	},
	"a 500 in its place": {
		before: func(w *world, request *http.Request) error {
			return w.breakDown(request, dosim.FaultStatus)
		},
	},
	"a 500 after its commit": {
		before: func(w *world, request *http.Request) error {
			if isCloud(request) {
				return w.breakDown(request, dosim.FaultStatusAfter)
			}
			return nil
		},
		after: func(_ *world, request *http.Request) error {
			if isCloud(request) {
				return nil
			}
			return errAPIServer
		},
	},
}

// breakDown makes the request that is about to leave fail: in the simulator, or here in place of the API server.
func (w *world) breakDown(request *http.Request, kind dosim.FaultKind) error {
	if !isCloud(request) {
		return errAPIServer
	}
	w.Cloud.AddFault(dosim.Fault{Kind: kind, Method: request.Method, Contains: request.URL.Path})
	return nil
}

func isCloud(request *http.Request) bool { return strings.HasPrefix(request.URL.Path, "/v2/") }

func isWrite(request *http.Request) bool { return request.Method != http.MethodGet }

// label names a request the same in every run.
func (w *world) label(request *http.Request) string {
	path := request.URL.Path
	switch {
	case strings.Contains(path, "/bots/"):
		return request.Method + " bot"
	case strings.HasSuffix(path, "/status"):
		return request.Method + " droplet status"
	case !isCloud(request):
		return request.Method + " droplet"
	case path == list && isWrite(request):
		return request.Method + " instance"
	case path == list:
		return request.Method + " instances by name"
	case !strings.HasPrefix(path, list):
		return request.Method + " the catalogue"
	case strings.Contains(path, "/actions"):
		return request.Method + " action"
	case strings.HasSuffix(path, "/snapshots"):
		return request.Method + " snapshots of instance"
	}
	return request.Method + " instance by id"
}

// listen calls hooks with the number, from 1, of every request of the present manager that is not part of a pass.
func (w *world) listen(before, after func(n int, request *http.Request) error) {
	n := 0
	isPass := func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "tag_name=") }
	w.Manager.Before = func(r *http.Request) error {
		if isPass(r) {
			return nil
		}
		n++
		return before(n, r)
	}
	w.Manager.After = func(r *http.Request) error {
		if isPass(r) || after == nil {
			return nil
		}
		return after(n, r)
	}
}

// request is one request of a clean run.
type request struct {
	number int
	label  string
	write  bool
	cloud  bool
	spared bool // from errors in the place of a write
}

// cleanRun lists the requests of a run in which nothing goes wrong.
func cleanRun(t *testing.T, begin func(*testing.T) *world, finish func(*world)) []request {
	t.Helper()
	w := begin(t)
	var all []request
	w.listen(func(n int, r *http.Request) error {
		all = append(all, request{number: n, label: w.label(r), write: isWrite(r), cloud: isCloud(r)})
		return nil
	}, nil)
	finish(w)
	return all
}

// sweep repeats a run once for each request of the clean run and each misfortune. A read is only answered with an
// error: killing the process at a read is the same as killing it after the write that came before.
func sweep(t *testing.T, begin func(*testing.T) *world, finish, verify func(*world)) {
	t.Helper()
	sweepOver(t, cleanRun(t, begin, finish), begin, finish, verify)
}

// sweepActs is sweep without the reads of the API server, which are the same in every reconcile, and without errors in
// the place of writes, which are met as a lost reply is.
func sweepActs(t *testing.T, begin func(*testing.T) *world, finish, verify func(*world)) {
	t.Helper()
	all := slices.DeleteFunc(cleanRun(t, begin, finish), func(r request) bool { return !r.write && !r.cloud })
	for i := range all {
		all[i].spared = all[i].write
	}
	sweepOver(t, all, begin, finish, verify)
}

func sweepOver(t *testing.T, all []request, begin func(*testing.T) *world, finish, verify func(*world)) {
	t.Helper()
	for _, r := range all {
		for name, misfortune := range misfortunes {
			if !r.write && name != "a 500 in its place" || r.spared && strings.HasPrefix(name, "a 500") {
				continue
			}
			t.Run(fmt.Sprintf("%d %s/%s", r.number, r.label, name), func(t *testing.T) {
				w := begin(t)
				hit := false
				strike := func(what func(*world, *http.Request) error) func(int, *http.Request) error {
					return func(n int, request *http.Request) error {
						if what == nil || n != r.number {
							return nil
						}
						hit = true
						return what(w, request)
					}
				}
				w.listen(strike(misfortune.before), strike(misfortune.after))
				finish(w)
				if !hit {
					t.Errorf("request %d was never made: this run tested nothing", r.number)
				}
				verify(w)
			})
		}
	}
}

func TestCRIT005_WhateverBreaksDuringACreateThereIsOneInstance(t *testing.T) {
	begin := func(t *testing.T) *world {
		t.Helper()
		return newWorld(t, bootsFast)
	}
	sweep(t, begin, (*world).driveToReady, func(w *world) {
		w.wantOne()
		if w.Creates() > 2 {
			w.t.Errorf("%d create requests for one misfortune, want at most 2", w.Creates())
		}
		if a := w.droplet().Status.Attempt; a == nil || a.State != spawnv1.AttemptDone {
			w.t.Errorf("attempt is %+v, want it done", a)
		}
	})
}

func TestCRIT005_WhateverBreaksDuringADeleteNothingIsLeft(t *testing.T) {
	begin := func(t *testing.T) *world {
		t.Helper()
		w := readyWorld(t, bootsFast)
		w.deleteDroplet()
		return w
	}
	sweep(t, begin, (*world).driveToGone, func(w *world) {
		w.wantNone()
		if w.Ever() != 1 {
			w.t.Errorf("%d instances were ever made, want 1", w.Ever())
		}
	})
}

func TestCRIT005_WhateverBreaksDuringTheDeleteOfADoubtNothingIsLeft(t *testing.T) {
	begin := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, bootsFast)
		w.fault(http.MethodPost, list, dosim.Fault{Kind: dosim.FaultDropAfter})
		if _, err := w.reconcile(); err != nil {
			t.Fatal(err)
		}
		w.deleteDroplet()
		return w
	}
	sweep(t, begin, (*world).driveToGone, func(w *world) {
		w.wantNone()
		if w.Ever() != 1 || w.Creates() != 1 {
			w.t.Errorf("%d requests made %d instances, want 1 and 1", w.Creates(), w.Ever())
		}
	})
}
