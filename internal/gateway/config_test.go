// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// publish gives a machine a version of its config.
func publish(t *testing.T, name string, version int64) {
	t.Helper()
	tell(t, name, func(*delivery.Machine) *delivery.Content {
		return &delivery.Content{Version: version, Config: json.RawMessage(`{"a":1}`), Sealed: []byte("sealed")}
	})
}

// poll asks for a config, with what is known.
func (r *replica) poll(t *testing.T, credential token.Token, wait, tag string) reply {
	t.Helper()
	header := bearer(credential)
	if tag != "" {
		header = append(header, "If-None-Match", tag)
	}
	return r.call(t, http.MethodGet, protocol.ConfigPath+"?wait="+wait, nil, header...)
}

func configIn(t *testing.T, got reply) protocol.Config {
	t.Helper()
	var c protocol.Config
	if err := json.Unmarshal([]byte(got.body), &c); got.status != http.StatusOK || err != nil {
		t.Fatalf("config: %d %s (%v)", got.status, got.body, err)
	}
	return c
}

func TestAConfigIsGivenWhenItIsNew(t *testing.T) {
	r := startReplica(t, "gives")
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	if got := r.poll(t, credential, "0s", ""); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("before there is any: %d %s", got.status, got.body)
	}
	tell(t, name, func(*delivery.Machine) *delivery.Content {
		return &delivery.Content{Version: 1, Config: json.RawMessage(`{}`)}
	})
	if got := r.poll(t, credential, "10ms", ""); got.status != 503 {
		t.Errorf("before its secrets are sealed: %d %s", got.status, got.body)
	}
	publish(t, name, 1)
	first := r.poll(t, credential, "20s", "")
	c := configIn(t, first)
	if c.Version != 1 || !c.Run || string(c.Content) != `{"a":1}` || string(c.Sealed) != "sealed" {
		t.Errorf("config %+v", c)
	}
	eventually(t, "heartbeats tell it", func() bool { return r.beat(t, credential).ConfigVersion == 1 })
	for _, tag := range []string{first.header.Get("ETag"), `"1"`, `W/"1"`, `"x", "1"`} {
		got := r.poll(t, credential, "10ms", tag)
		if got.status != http.StatusNotModified || got.body != "" || got.header.Get("ETag") != first.header.Get("ETag") {
			t.Errorf("with %s: %d %s", tag, got.status, got.body)
		}
	}
	if got := r.poll(t, credential, "soon", ""); got.status != 400 {
		t.Errorf("a wait that is none: %d", got.status)
	}
}

func TestAHeldRequestIsAnsweredWhenSomethingChanges(t *testing.T) {
	r := startReplica(t, "holds")
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	publish(t, name, 1)
	tag := r.poll(t, credential, "20s", "").header.Get("ETag")
	for what, test := range map[string]struct {
		change func()
		is     func(protocol.Config) bool
		tag    string
	}{
		"another version": {func() { publish(t, name, 2) }, func(c protocol.Config) bool { return c.Version == 2 }, tag},
	} {
		held := make(chan reply)
		go func() { held <- r.poll(t, credential, "50s", test.tag) }()
		select {
		case got := <-held:
			t.Fatalf("%s: answered before: %d %s", what, got.status, got.body)
		case <-time.After(200 * time.Millisecond):
		}
		test.change()
		if c := configIn(t, <-held); !test.is(c) {
			t.Errorf("%s: %+v", what, c)
		}
	}
	// The order to stop is news too, also for those who name a version only.
	for _, tag := range []string{`"2-run"`, `"2"`} {
		held := make(chan reply)
		go func() { held <- r.poll(t, credential, "50s", tag) }()
		time.Sleep(200 * time.Millisecond) //nolint:forbidigo // so that it is held
		tell(t, name, func(m *delivery.Machine) *delivery.Content {
			m.Run = false
			return nil
		})
		if c := configIn(t, <-held); c.Run {
			t.Errorf("%s: still to run", tag)
		}
		tell(t, name, func(m *delivery.Machine) *delivery.Content {
			m.Run = true
			return nil
		})
		eventually(t, "it is to run again", func() bool { return configIn(t, r.poll(t, credential, "0s", "")).Run })
	}
}

func TestAHeldRequestEndsWithItsMachineAndWithTheReplica(t *testing.T) {
	r := startReplica(t, "ends")
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	publish(t, name, 1)
	hold := func() <-chan reply {
		held := make(chan reply, 1)
		go func() { held <- r.poll(t, credential, "50s", `"1-run"`) }()
		time.Sleep(200 * time.Millisecond) //nolint:forbidigo // so that it is held
		return held
	}
	eventually(t, "there is a config", func() bool { return r.poll(t, credential, "0s", "").status == 200 })
	held := hold()
	revoke(t, name)
	if got := <-held; got.status != 401 {
		t.Errorf("revoked: %d %s", got.status, got.body)
	}
	credential = givenRegistered(t, r, name)
	publish(t, name, 1)
	eventually(t, "there is a config", func() bool { return r.poll(t, credential, "0s", "").status == 200 })
	held = hold()
	r.Drain()
	if got := <-held; got.status != http.StatusNotModified {
		t.Errorf("draining: %d %s", got.status, got.body)
	}
	ready, alive := r.call(t, "GET", "/readyz", nil), r.call(t, "GET", "/healthz", nil)
	if r.Ready() == nil || ready.status != 503 || alive.status != 200 {
		t.Error("a replica that ends is ready, or not alive")
	}
}

func TestOnlySoManyRequestsAreHeld(t *testing.T) {
	r := startReplica(t, "full", func(o *gateway.Options) { o.MaxWatches = 1 })
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	publish(t, name, 1)
	eventually(t, "there is a config", func() bool { return r.poll(t, credential, "0s", "").status == 200 })
	go r.poll(t, credential, "50s", `"1"`)
	time.Sleep(200 * time.Millisecond) //nolint:forbidigo // so that it is held
	if got := r.poll(t, credential, "50s", `"1"`); got.status != 429 || got.header.Get("Retry-After") != "30" {
		t.Errorf("one too many: %d %s", got.status, got.body)
	}
	if got := r.poll(t, credential, "50s", `"0"`); got.status != http.StatusOK {
		t.Errorf("one too many for whom there is news: %d %s", got.status, got.body)
	}
	r.Drain()
}

func TestAnotherInstanceIsGivenNoConfig(t *testing.T) {
	r := startReplica(t, "fences")
	name := nameOf(t)
	credential := givenRegistered(t, r, name)
	tell(t, name, func(m *delivery.Machine) *delivery.Content {
		m.InstanceID++
		return nil
	})
	publish(t, name, 1)
	for range 5 {
		if got := r.poll(t, credential, "100ms", ""); got.status != 503 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

func TestAgentsAreServedByDigestAndNothingElseIs(t *testing.T) {
	dir := t.TempDir()
	content := []byte("an agent")
	if err := os.WriteFile(filepath.Join(dir, "agent-linux-amd64"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	archive := []byte("an archive")
	if err := os.MkdirAll(filepath.Join(dir, "archives", "deeper"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "archives", "openclaw.tar.gz"), archive, 0o600); err != nil {
		t.Fatal(err)
	}
	r := startReplica(t, "agents", func(o *gateway.Options) { o.AgentDir = dir })
	digest := sha256.Sum256(content)
	path := protocol.AgentPath + hex.EncodeToString(digest[:])
	if got := r.call(t, "GET", path, nil); got.status != 200 || got.body != string(content) {
		t.Errorf("%d %q", got.status, got.body)
	}
	digest = sha256.Sum256(archive)
	if got := r.call(t, "GET", protocol.AgentPath+hex.EncodeToString(digest[:]), nil); got.body != string(archive) {
		t.Errorf("the archive: %d %q", got.status, got.body)
	}
	for _, wrong := range []string{path + "0", path[:len(path)-1], protocol.AgentPath + "agent-linux-amd64"} {
		if got := r.call(t, "GET", wrong, nil); got.status != 404 {
			t.Errorf("%s: %d %q", wrong, got.status, got.body)
		}
	}
	if _, err := gateway.New(gateway.Options{AgentDir: filepath.Join(dir, "none")}); err == nil {
		t.Error("a directory that is not there is fine")
	}
}
