// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"reflect"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	eventrecorder "sigs.k8s.io/controller-runtime/pkg/recorder"
)

// manual is a manager whose work queues live by a clock that is moved by hand, and which keeps the events.
type manual struct {
	ctrl.Manager
	clock    clock.WithTicker
	activity *activity
	recorder *recorder
}

// Add gives a controller its work queue; what else there is to run is added as it is.
func (m *manual) Add(runnable manager.Runnable) error {
	// The builder gives no way to a controller's queue but to each controller's own options.
	controller := reflect.Indirect(reflect.ValueOf(runnable))
	if controller.Kind() == reflect.Struct {
		if constructor := controller.FieldByName("NewQueue"); constructor.IsValid() {
			constructor.Set(reflect.ValueOf(m.newQueue))
		}
	}
	return m.Manager.Add(runnable)
}

// GetEventRecorder gives the one recorder to everybody.
func (m *manual) GetEventRecorder(string) eventrecorder.EventRecorder { return m.recorder }

func (m *manual) newQueue(
	name string, limiter workqueue.TypedRateLimiter[reconcile.Request],
) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	q := &queue{activity: m.activity, TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
		workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Name: name, Clock: m.clock})}
	m.activity.mu.Lock()
	defer m.activity.mu.Unlock()
	m.activity.queues[name] = q
	return q
}

// queue is a work queue that counts who is served.
type queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	activity *activity
	served   atomic.Int64
}

// Get waits for the next request.
func (q *queue) Get() (reconcile.Request, bool) {
	request, down := q.TypedRateLimitingInterface.Get()
	if !down {
		q.activity.begin()
		q.served.Add(1)
	}
	return request, down
}

// Done ends what Get began.
func (q *queue) Done(request reconcile.Request) {
	q.TypedRateLimitingInterface.Done(request)
	q.activity.end()
}

// activity tells whether anything is going on: a reconcile, a request, or one that waits for a worker.
type activity struct {
	under atomic.Int64 // what is under way
	ended atomic.Int64 // what has ended since the world began

	mu     sync.Mutex
	queues map[string]*queue
}

func newActivity() *activity { return &activity{queues: map[string]*queue{}} }

func (a *activity) begin() { a.under.Add(1) }

func (a *activity) end() { a.ended.Add(1); a.under.Add(-1) }

func (a *activity) queue(name string) *queue {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queues[name]
}

// isQuiet tells whether nothing is going on now.
func (a *activity) isQuiet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.queues {
		if q.Len() > 0 {
			return false
		}
	}
	return a.under.Load() == 0
}
