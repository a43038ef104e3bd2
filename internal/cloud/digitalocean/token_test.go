// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestHIGH004_AMalformedTokenIsUnauthorizedAndNeverSent(t *testing.T) {
	const secret = "s3cr3t"
	for name, token := range map[string]string{
		"empty":              "",
		"white space":        " \t\r\n",
		"a line break":       secret + "\n" + secret,
		"a forged header":    secret + "\r\nX-Admin: 1",
		"a NUL":              secret + "\x00" + secret,
		"a DEL":              secret + "\x7f",
		"a space":            secret + " " + secret,
		"a byte order mark":  "\ufeff" + secret,
		"a typographic dash": secret + "—" + secret,
		"not UTF-8":          secret + "\xff" + secret,
	} {
		t.Run(name, func(t *testing.T) {
			client, sim := withSimulator(t, func(o *Options) { o.Token = func() string { return token } })
			for op, call := range everyCall(client) {
				err := call(t.Context())
				wantKind(t, err, cloud.Unauthorized)
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
					t.Errorf("%s: the error shows the token: %v", op, err)
				}
				var e *cloud.Error
				if errors.As(err, &e) && e.Op == "" {
					t.Errorf("%s: the error does not say what was tried: %v", op, err)
				}
			}
			if n := len(sim.Journal()); n != 0 {
				t.Errorf("%d requests, want none", n)
			}
		})
	}
}

func TestWhiteSpaceAroundATokenIsIgnored(t *testing.T) {
	client, _ := withSimulator(t, func(o *Options) { o.Token = func() string { return "\n " + testToken + "\r\n" } })
	if _, err := client.FindByName(t.Context(), "scout"); err != nil {
		t.Error(err)
	}
}

func TestTheTokenIsReadBeforeEveryRequest(t *testing.T) {
	var token atomic.Value
	token.Store("dop_v1_revoked")
	client, sim := withSimulator(t, func(o *Options) {
		o.Token = func() string { s, _ := token.Load().(string); return s }
	})
	id := sim.Plant(dosim.Plant{Name: "scout"})
	_, err := client.Get(t.Context(), id)
	wantKind(t, err, cloud.Unauthorized)
	token.Store(testToken)
	if _, err := client.Get(t.Context(), id); err != nil {
		t.Errorf("the new token is not used: %v", err)
	}
	token.Store("")
	_, err = client.Get(t.Context(), id)
	wantKind(t, err, cloud.Unauthorized)
}

// TestTheTokenIsInNoError has peers that repeat to us what we told them.
func TestTheTokenIsInNoError(t *testing.T) {
	const odd = "no-known-shape-0123456789"
	hijacked := func(text func(*http.Request) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text(r))
			_ = conn.Close()
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"in a message": func(w http.ResponseWriter, r *http.Request) {
			answering(401, "application/json", `{"id":"unauthorized","message":"bad `+r.Header.Get("Authorization")+`"}`)(w, r)
		},
		"alone in a message": func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			answering(422, "application/json", `{"id":"x","message":"(`+token+`)","request_id":"`+token+`"}`)(w, r)
		},
		"in a header": func(w http.ResponseWriter, r *http.Request) {
			answering(500, "text/html", "", "X-Request-Id: "+r.Header.Get("Authorization"))(w, r)
		},
		"in a page": func(w http.ResponseWriter, r *http.Request) {
			answering(403, "text/html", r.Header.Get("Authorization"))(w, r)
		},
		"in a success": func(w http.ResponseWriter, r *http.Request) {
			answering(200, "application/json", `{"droplet":"`+r.Header.Get("Authorization")+`"}`)(w, r)
		},
		"in what is not HTTP": hijacked(func(r *http.Request) string { return r.Header.Get("Authorization") + "\r\n\r\n" }),
	} {
		t.Run(name, func(t *testing.T) {
			for _, token := range []string{testToken, odd} {
				client := withHandler(t, handler, func(o *Options) { o.Token = func() string { return token } })
				for op, call := range everyCall(client) {
					err := call(t.Context())
					if err == nil {
						t.Fatalf("%s: no error", op)
					}
					if strings.Contains(fmt.Sprintf("%v %+v", err, err), token) {
						t.Errorf("%s: the error shows the token: %v", op, err)
					}
				}
			}
		})
	}
}

func TestConnectRefusesOddSettings(t *testing.T) {
	token := func() string { return testToken }
	for name, o := range map[string]Options{
		"no source of tokens": {},
		"no scheme":           {Token: token, BaseURL: "api.example.com"},
		"another scheme":      {Token: token, BaseURL: "ftp://api.example.com"},
		"no host":             {Token: token, BaseURL: "https:///v2"},
		"a password":          {Token: token, BaseURL: "https://me:s3cr3t@api.example.com"},
		"a query":             {Token: token, BaseURL: "https://api.example.com/?token=s3cr3t"},
		"a fragment":          {Token: token, BaseURL: "https://api.example.com/#s3cr3t"},
		"no URL":              {Token: token, BaseURL: "http://s3cr3t\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(o)
			if err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := Connect(Options{Token: token}); err != nil {
		t.Errorf("the defaults do not connect: %v", err)
	}
}
