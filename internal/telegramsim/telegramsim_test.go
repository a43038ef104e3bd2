// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package telegramsim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/telegramsim"
)

// call calls a method as a bot does.
func call(t *testing.T, url, body string, into any) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

type updates struct {
	OK     bool
	Result []struct {
		ID      int64 `json:"update_id"`
		Message struct {
			Text string
			Chat struct{ ID int64 }
		}
	}
}

func TestABotHearsWhatIsSaidUntilItConfirmsIt(t *testing.T) {
	telegram := telegramsim.New("1:a")
	t.Cleanup(telegram.Close)
	url := telegram.URL + "/bot1:a/getUpdates"
	awaits := time.AfterFunc(10*time.Millisecond, func() { telegram.Say(111, "hello") })
	t.Cleanup(func() { awaits.Stop() })
	var u updates
	call(t, url, `{"timeout":30}`, &u)
	if !u.OK || len(u.Result) != 1 || u.Result[0].Message.Text != "hello" || u.Result[0].Message.Chat.ID != 111 {
		t.Errorf("it hears %+v", u)
	}
	for _, body := range []string{`{"timeout":0}`, `{"timeout":0,"offset":1}`, `{"timeout":0,"offset":2}`} {
		confirmed := strings.Contains(body, "2")
		var again updates
		if call(t, url, body, &again); (len(again.Result) == 0) != confirmed {
			t.Errorf("%s gives %+v", body, again)
		}
	}
}

func TestWhatABotSendsIsAwaited(t *testing.T) {
	telegram := telegramsim.New("1:a")
	t.Cleanup(telegram.Close)
	var said struct{ OK bool }
	call(t, telegram.URL+"/bot1:a/sendMessage", `{"chat_id":111,"text":"well, hello"}`, &said)
	if got, err := telegram.Await(t.Context(), 111, "hello"); err != nil || got.Text != "well, hello" {
		t.Errorf("%+v %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if got, err := telegram.Await(ctx, 222, "hello"); err == nil || len(telegram.Sent()) != 1 {
		t.Errorf("somebody else is sent %+v", got)
	}
}

func TestItKnowsOneBot(t *testing.T) {
	telegram := telegramsim.New("1:a")
	t.Cleanup(telegram.Close)
	for path, want := range map[string]int{
		"/bot1:a/getMe": 200, "/bot1:a/setMyCommands": 200, "/bot1:b/getMe": 401, "/": 401,
	} {
		var said struct{ OK bool }
		if got := call(t, telegram.URL+path, "{}", &said); got != want || said.OK != (want == 200) {
			t.Errorf("%s is answered %d %+v", path, got, said)
		}
	}
	var said struct{ OK bool }
	if got := call(t, telegram.URL+"/bot1:a/getMe", "no JSON", &said); got != 400 {
		t.Errorf("what is no JSON is answered %d", got)
	}
}
