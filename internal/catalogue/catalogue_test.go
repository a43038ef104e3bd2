// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package catalogue_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/conformance"
)

// world is a catalogue of the simulator's, and the requests that it has made.
type world struct {
	*catalogue.Catalogue
	sim           *dosim.Server
	clock         *clocktesting.FakeClock
	sizes, images atomic.Int64
	during        func() // runs before each answer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	w.sim = dosim.New(dosim.Options{Clock: w.clock})
	t.Cleanup(w.sim.Close)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/images/") {
			w.images.Add(1)
		} else {
			w.sizes.Add(1)
		}
		if w.during != nil {
			w.during()
		}
		w.sim.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	o := digitalocean.Options{BaseURL: server.URL, Token: func() string { return "dop_v1_test" }, Clock: w.clock}
	o.Transport = conformance.FromEnv(t).Wrap(digitalocean.NewTransport(o))
	client, err := digitalocean.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	w.Catalogue = catalogue.New(catalogue.Options{Cloud: client, Clock: w.clock})
	return w
}

func (w *world) wantCalls(t *testing.T, sizes, images int64, when string) {
	t.Helper()
	if s, i := w.sizes.Load(), w.images.Load(); s != sizes || i != images {
		t.Errorf("%s: %d calls for sizes and %d for images, want %d and %d", when, s, i, sizes, images)
	}
}

func (w *world) wantNil(t *testing.T, shape catalogue.Shape) {
	t.Helper()
	if err := w.Check(t.Context(), shape); err != nil {
		t.Errorf("%+v: %v, want nothing against it", shape, err)
	}
}

func (w *world) wantRefusal(t *testing.T, shape catalogue.Shape, want string) {
	t.Helper()
	err := w.Check(t.Context(), shape)
	var refusal *catalogue.Refusal
	if !errors.As(err, &refusal) || refusal.Error() != want {
		t.Errorf("%+v: %v\nwant refusal: %s", shape, err, want)
	}
}

// plain is a shape that can be had.
var plain = catalogue.Shape{Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64"}

func TestWhatCanBeHad(t *testing.T) {
	w := newWorld(t)
	for _, shape := range []catalogue.Shape{
		plain,
		{Region: "nyc3", Size: "s-1vcpu-2gb"},
		{Region: "nyc3", Size: "s-1vcpu-2gb", MinDiskGB: 50},
		{Region: "nyc", Size: "c-2", Image: "debian-12-x64"}, // any region there
		{Region: "nyc3", Size: "s-1vcpu-512mb-10gb", Image: "ubuntu-24-04-x64", MinDiskGB: 10},
	} {
		w.wantNil(t, shape)
	}
	w.wantCalls(t, 1, 2, "one call for all sizes, and one for each image")
}

func TestWhatTheCloudWouldRefuseIsSaidInASentence(t *testing.T) {
	w := newWorld(t)
	for _, region := range []string{"nyc1", "tor1"} {
		w.sim.SetSizeAvailable("gpu-h100x1-80gb", region, false)
	}
	for want, shape := range map[string]catalogue.Shape{
		`size "s-9" does not exist`:                               {Region: "nyc3", Size: "s-9", Image: "ubuntu-24-04-x64"},
		`size "gpu-h100x1-80gb" is not offered in any region now`: {Region: "nyc1", Size: "gpu-h100x1-80gb"},
		`size "c-2" is not offered in region "lon1" now; it is in ams3, fra1, nyc1, nyc3, sfo3, sgp1`: {
			Region: "lon1", Size: "c-2", Image: "ubuntu-24-04-x64",
		},
		`size "c-2" is not offered in region "ny" now; it is in ams3, fra1, nyc1, nyc3, sfo3, sgp1`: {
			Region: "ny", Size: "c-2",
		},
		`size "s-1vcpu-1gb" has a disk of 25 GB and the machine's is 50 GB: DigitalOcean cannot shrink a disk`: {
			Region: "nyc3", Size: "s-1vcpu-1gb", MinDiskGB: 50,
		},
		`image "windows-95" does not exist`: {Region: "nyc3", Size: "s-1vcpu-1gb", Image: "windows-95"},
	} {
		w.wantRefusal(t, shape, want)
	}
}

// offer is a cloud with one size and one image.
type offer struct {
	size  cloud.Size
	image cloud.Image
}

func (o offer) Sizes(context.Context) ([]cloud.Size, error)        { return []cloud.Size{o.size}, nil }
func (o offer) Image(context.Context, string) (cloud.Image, error) { return o.image, nil }

// TestWhatTheSimulatorNeverHas: its images are in all regions and small, and its sizes are never withdrawn.
func TestWhatTheSimulatorNeverHas(t *testing.T) {
	size := cloud.Size{Slug: "s-1vcpu-2gb", Available: true, Regions: []string{"nyc3"}, DiskGB: 50}
	withdrawn := size
	withdrawn.Available = false
	for want, o := range map[string]offer{
		`size "s-1vcpu-2gb" is not offered in any region now`: {size: withdrawn},
		`image "ubuntu-24-04-x64" is not in any region now`:   {size: size},
		`image "ubuntu-24-04-x64" is not in region "nyc3" now; it is in ams3, fra1`: {
			size: size, image: cloud.Image{Regions: []string{"fra1", "ams3"}},
		},
		`image "ubuntu-24-04-x64" needs a disk of 80 GB and size "s-1vcpu-2gb" has one of 50 GB`: {
			size: size, image: cloud.Image{Regions: []string{"nyc3"}, MinDiskGB: 80},
		},
	} {
		w := &world{Catalogue: catalogue.New(catalogue.Options{Cloud: o})}
		w.wantRefusal(t, plain, want)
	}
}

func TestAnswersAreKeptForTenMinutes(t *testing.T) {
	w := newWorld(t)
	w.wantNil(t, plain)
	w.clock.Step(10 * time.Minute)
	w.wantNil(t, plain)
	w.wantCalls(t, 1, 1, "for 10 min")
	w.clock.Step(time.Second)
	w.wantNil(t, plain)
	w.wantCalls(t, 2, 2, "afterwards")
}

func TestWhatASizeCosts(t *testing.T) {
	w := newWorld(t)
	wantPrice := func(size string, want int64) {
		t.Helper()
		if got, err := w.HourlyMicroUSD(t.Context(), size); err != nil || got != want {
			t.Errorf("%s costs %d, %v, want %d", size, got, err, want)
		}
	}
	wantPrice("s-1vcpu-2gb", 17_860)
	wantPrice("s-9", 0)
	w.wantNil(t, plain)
	w.wantCalls(t, 1, 1, "the sizes are remembered for both")
	w.clock.Step(10*time.Minute + time.Second)
	w.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Count: 1})
	if price, err := w.HourlyMicroUSD(t.Context(), "s-1vcpu-2gb"); cloud.KindOf(err) != cloud.Unavailable || price != 0 {
		t.Errorf("it costs %d, %v, want that nobody knows", price, err)
	}
	wantPrice("s-1vcpu-2gb", 17_860)
}

func TestNobodyIsRefusedOnAnOldAnswer(t *testing.T) {
	w := newWorld(t)
	w.sim.SetSizeAvailable(plain.Size, plain.Region, false)
	if err := w.Check(t.Context(), plain); err == nil {
		t.Fatal("not refused")
	}
	w.sim.SetSizeAvailable(plain.Size, plain.Region, true)
	w.clock.Step(time.Minute)
	if err := w.Check(t.Context(), plain); err == nil {
		t.Error("asked again within the minute")
	}
	w.wantCalls(t, 1, 0, "within the minute")
	w.clock.Step(time.Second)
	w.wantNil(t, plain)
	w.wantCalls(t, 2, 1, "after the minute")

	missing := plain
	missing.Image = "ubuntu-99"
	w.clock.Step(2 * time.Minute)
	w.wantRefusal(t, missing, `image "ubuntu-99" does not exist`)
	w.wantCalls(t, 3, 2, "the image has just been asked for, and the sizes that were fine are looked at again")
	w.clock.Step(2 * time.Minute)
	w.wantRefusal(t, missing, `image "ubuntu-99" does not exist`)
	w.wantCalls(t, 4, 3, "an image that may have come into being")
}

func TestACloudThatCannotBeAskedRefusesNothing(t *testing.T) {
	w := newWorld(t)
	for range 2 { // a failure is not remembered
		w.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Count: 1})
		err := w.Check(t.Context(), plain)
		var refusal *catalogue.Refusal
		if err == nil || errors.As(err, &refusal) || cloud.KindOf(err) != cloud.Unavailable {
			t.Fatalf("error %v", err)
		}
	}
	w.wantNil(t, plain)

	w.clock.Step(2 * time.Minute)
	w.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 403, Count: 1})
	unknown := plain
	unknown.Size = "s-9"
	if err := w.Check(t.Context(), unknown); cloud.KindOf(err) != cloud.Unauthorized {
		t.Errorf("refused on an old answer: %v", err)
	}
}

func TestOneCallAnswersAllWhoWait(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	w.during = func() { <-hold }
	impatient, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- w.Check(impatient, plain) }()
	for w.sizes.Load() == 0 {
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who began the call and left got %v", err)
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { w.wantNil(t, plain) })
	}
	close(hold)
	group.Wait()
	w.wantCalls(t, 1, 1, "for all of them")
}
