package rest

import (
	"fmt"
	"sort"
	"time"
)

func (w *world) timeline(bucket time.Duration) {
	type key struct {
		at   int
		what string
	}
	counts := map[key]int{}
	maxAt := 0
	whats := map[string]bool{}
	for _, e := range w.sim.Journal() {
		at := int(e.Time.Sub(w.start0) / bucket)
		what := e.Method + " " + e.Route
		if isPass(e) {
			what = "pass"
		} else if e.Query != "" {
			what += "?name"
		}
		what += fmt.Sprint(" ", e.Status)
		whats[what] = true
		counts[key{at, what}]++
		maxAt = max(maxAt, at)
	}
	var all []string
	for k := range whats {
		all = append(all, k)
	}
	sort.Strings(all)
	for at := 0; at <= maxAt; at++ {
		line := fmt.Sprintf("%6s:", time.Duration(at)*bucket)
		for _, k := range all {
			if n := counts[key{at, k}]; n > 0 {
				line += fmt.Sprintf("  %s %d", k, n)
			}
		}
		w.Log(line)
	}
}
