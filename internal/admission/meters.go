// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Meters count the answers and how long they took. It is a Prometheus collector that whoever made it registers.
type Meters struct {
	answers *prometheus.CounterVec
	latency *prometheus.HistogramVec
}

// NewMeters makes Meters at zero.
func NewMeters() *Meters {
	return &Meters{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_admission_requests_total",
			Help: "Admission requests by kind, operation and result: allowed, denied or error.",
		}, []string{"kind", "operation", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "openspawn_admission_duration_seconds",
			Help:    "How long the answer to an admission request took.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4},
		}, []string{"kind", "operation"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Meters) Describe(to chan<- *prometheus.Desc) {
	m.answers.Describe(to)
	m.latency.Describe(to)
}

// Collect implements prometheus.Collector.
func (m *Meters) Collect(to chan<- prometheus.Metric) {
	m.answers.Collect(to)
	m.latency.Collect(to)
}

// measured bounds the time of every answer, and counts it.
func (o Options) measured(kind string, hook *webhookadmission.Webhook) *webhookadmission.Webhook {
	next := hook.Handler
	hook.Handler = webhookadmission.HandlerFunc(
		func(ctx context.Context, request webhookadmission.Request) webhookadmission.Response {
			ctx, cancel := context.WithTimeout(ctx, answerTimeout)
			defer cancel()
			began := o.Clock.Now()
			response := next.Handle(ctx, request)
			if o.Meters != nil {
				operation := operationOf(request)
				o.Meters.answers.WithLabelValues(kind, operation, resultOf(response)).Inc()
				o.Meters.latency.WithLabelValues(kind, operation).Observe(o.Clock.Since(began).Seconds())
			}
			return response
		})
	return hook
}

// operationOf is one of those that config/webhook has: whoever gets to our port could name any.
func operationOf(request webhookadmission.Request) string {
	known := []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete}
	if !slices.Contains(known, request.Operation) {
		return "other"
	}
	return string(request.Operation)
}

func resultOf(response webhookadmission.Response) string {
	switch {
	case response.Allowed:
		return "allowed"
	case response.Result != nil && response.Result.Code == http.StatusForbidden:
		return "denied"
	}
	return "error"
}
