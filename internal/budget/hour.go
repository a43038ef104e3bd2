// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math"
	"time"
)

const (
	// defaultHourLimit is what DigitalOcean publishes; the headers of the first answer tell what holds.
	defaultHourLimit = 5000
	// maxHourLimit bounds what a header can make us believe.
	maxHourLimit = 1_000_000
	// decay is how fast what others have spent is taken to expire: as if it was spread over the hour, and a fifth
	// slower. It lets a little through before all is known to have expired, and the answer to that tells the truth.
	decay = 0.8
)

// floors are the shares of the hour that are left for the classes above, by class: what reads stops while there is
// still enough to create, and what creates while there is still enough to destroy.
var floors = [classes]float64{Destroy: 0, Act: 0.05, Read: 0.20}

// greedyFloor is the share of the hour that an account which has had its own share leaves to the others, whether or not
// they wait already: a bot that comes ten minutes later must find room too.
const greedyFloor = 0.30

// greedyDestroyFloor is the same for what it destroys: more than a thousand calls in an hour are an account that leaves
// with a fleet, or something that goes round in circles, and neither may keep the others from destroying and creating.
const greedyDestroyFloor = 0.10

// hour is what the token may still spend in the hour. We count our own calls; what others spend with the same token,
// and what we spent in an earlier life, is what the cloud's headers tell beyond that.
type hour struct {
	limit    int
	own      window
	inFlight int // admitted and not reported: the cloud may not have counted them

	foreign int
	toldAt  time.Time
}

func newHour() hour {
	return hour{limit: defaultHourLimit, own: window{span: time.Hour}}
}

// told takes in the headers of an answer.
func (h *hour) told(limit, remaining int, now time.Time) {
	h.limit = min(limit, maxHourLimit)
	used := h.limit - min(max(remaining, 0), h.limit)
	h.foreign, h.toldAt = max(0, used-max(0, h.own.count(now)-h.inFlight)), now
}

// others is what others have spent that still counts at an instant.
func (h *hour) others(at time.Time) int {
	age := at.Sub(h.toldAt)
	if age >= time.Hour {
		return 0
	}
	return int(math.Ceil(float64(h.foreign) * (1 - decay*max(0, age.Hours()))))
}

// left is what may be spent at an instant by one that has to leave a share of the hour.
func (h *hour) left(at time.Time, floor float64) int {
	return h.capacity(floor) - h.own.count(at) - h.others(at)
}

func (h *hour) capacity(floor float64) int { return h.limit - int(math.Ceil(floor*float64(h.limit))) }

func (h *hour) opens(now time.Time, floor float64, need int) time.Time {
	return opens(now, time.Hour, h.capacity(floor), need, func(at time.Time) int { return h.left(at, floor) })
}
