// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
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

// clockTick is what Linux counts a process's time in.
const clockTick = time.Second / 100

// processorTimeOf is what a process has had so far, 0 where the system does not tell.
func processorTimeOf(pid int) time.Duration {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	const user, system = 11, 12 // of what follows the name
	fields := strings.Fields(rest)
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * clockTick
}

// residentOf is the memory in KiB that a process has resident, 0 where the system does not tell.
func residentOf(pid int) float64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 { //nolint:mnd // the second is what is resident
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / 1024
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
