// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
)

const (
	// sampleEvery is how often the heap is looked at for its peak.
	sampleEvery = time.Millisecond
	// heapMetric is the memory of all objects, also of those that are no longer used.
	heapMetric = "/memory/classes/heap/objects:bytes"
	mebibyte   = 1 << 20
)

// usage is what this process has used for something.
type usage struct {
	cpu       time.Duration
	allocated uint64
	heapPeak  uint64
}

// use measures what a piece of work takes.
func use(work func() error) (usage, error) {
	runtime.GC()
	peak, stop := watchHeap()
	cpu, allocated := processorTime(), totalAllocated()
	err := work()
	u := usage{cpu: processorTime() - cpu, allocated: totalAllocated() - allocated}
	stop()
	u.heapPeak = *peak
	return u, err
}

// processorTime is what this process has had so far, from the system as well.
func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func totalAllocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// watchHeap looks for the heap's peak until it is stopped. The peak may be read then.
func watchHeap() (peak *uint64, stop func()) {
	peak = new(uint64)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		sample := []metrics.Sample{{Name: heapMetric}}
		for {
			metrics.Read(sample)
			*peak = max(*peak, sample[0].Value.Uint64())
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	}()
	return peak, func() { close(done); <-ended }
}
