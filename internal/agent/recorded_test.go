// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
)

// recording is a gateway of another version. What it says is in testdata: in v1 as version 1 of the protocol began,
// where what has come since is absent, and in later with what we cannot know yet. The files in v1 never change.
type recording struct {
	*httptest.Server

	t       *testing.T
	version string
	// parameters are those of the media types of what it says.
	parameters string

	mu sync.Mutex
	// refused tells which calls were, and calls how often each was answered.
	refused map[string]bool
	calls   map[string]int
	sealKey string
	last    protocol.Heartbeat
}

func newRecording(t *testing.T, version, parameters string) *recording {
	t.Helper()
	r := &recording{t: t, version: version, parameters: parameters, refused: map[string]bool{}, calls: map[string]int{}}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(r.answer))
	t.Cleanup(r.Close)
	return r
}

func (r *recording) ca() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}))
}

// says is what is on file, with what belongs to one machine filled in.
func (r *recording) says(name string) string {
	content, err := os.ReadFile(filepath.Join("testdata", r.version, name+".json"))
	if err != nil {
		r.t.Error(err)
	}
	text := strings.TrimSpace(string(content))
	if name == "config" {
		text = strings.ReplaceAll(text, "CONTENT", r.says("content"))
		text = strings.ReplaceAll(text, "SEALED", r.sealed(json.RawMessage(r.says("content"))))
	}
	return strings.NewReplacer("MACHINE", machine, "GATEWAY", r.URL).Replace(text)
}

func (r *recording) sealed(content json.RawMessage) string {
	key, err := seal.ParsePublicKey(r.sealKey)
	if err != nil {
		r.t.Error(err)
		return ""
	}
	sealed, err := key.Seal(protocol.SealContext(machine, 1, content), []byte(`{"credential/KEY":"`+canary+`"}`))
	if err != nil {
		r.t.Error(err)
	}
	return base64.StdEncoding.EncodeToString(sealed)
}

// answer refuses each call once, and then says what is on file. It takes any credential, and so refuses no other.
func (r *recording) answer(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // it has left
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	name := path.Base(request.URL.Path)
	if !r.refused[name] && name != "credential" {
		r.refused[name] = true
		w.Header().Set("Content-Type", protocol.ProblemType+r.parameters)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, r.says("problem"))
		return
	}
	r.calls[name]++
	switch name {
	case "register":
		var registration protocol.Registration
		err = json.Unmarshal(body, &registration)
		r.sealKey = registration.SealKey
	case "heartbeat":
		r.last = protocol.Heartbeat{}
		err = json.Unmarshal(body, &r.last)
	case "config":
		if request.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if err != nil {
		r.t.Errorf("%s sends %s: %v", name, body, err)
	}
	text := r.says(name)
	if text == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json"+r.parameters)
	_, _ = io.WriteString(w, text)
}

// look looks at what it has heard.
func (r *recording) look(at func() bool) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return at()
	}
}

func TestAGatewayOfAnotherVersionIsUnderstood(t *testing.T) {
	for version, parameters := range map[string]string{"v1": "", "later": "; charset=utf-8; later=1"} {
		t.Run(version, func(t *testing.T) {
			w, r := newWorld(t), newRecording(t, version, parameters)
			w.config.Gateways, w.config.GatewayCA = []string{r.URL}, r.ca()
			w.start()
			w.until("config 1 is applied, and it says so", time.Second, r.look(func() bool {
				result := r.last.Result
				return r.last.AppliedConfig == 1 && result != nil && result.Applied && r.last.OpenClaw.Healthy
			}))
			w.untilSays(1, "start "+r.says("content")+" "+canary)
			w.clock.Step(25 * time.Hour)
			w.until("the credential is replaced", time.Second, r.look(func() bool { return r.calls["credential"] == 1 }))
			beats := 0
			w.until("it beats", 0, r.look(func() bool { beats = r.calls["heartbeat"]; return true }))
			w.until("it goes on beating", time.Second, r.look(func() bool { return r.calls["heartbeat"] > beats+3 }))
			w.until("it has registered once", 0, r.look(func() bool { return r.calls["register"] == 1 }))
			if version == "later" {
				w.untilRemembered(r.URL+"/", r.ca()) // of the gateways that it is told it takes those that it can call
			}
			if w.stops() != 0 || len(w.said()) != 1 {
				t.Errorf("the runtime was stopped %d times and says %q", w.stops(), w.said())
			}
		})
	}
}
