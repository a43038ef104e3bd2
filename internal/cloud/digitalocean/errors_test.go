// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func TestRefusalsAreReadFromNumbersAndWords(t *testing.T) {
	said := func(message string) string { return `{"id":"x","message":"` + message + `","request_id":"r-1"}` }
	for name, tc := range map[string]struct {
		status int
		body   string
		want   cloud.Kind
	}{
		"bad request":               {400, said("no"), cloud.Refused},
		"unauthorized":              {401, said("Unable to authenticate you."), cloud.Unauthorized},
		"forbidden":                 {403, said("You are not authorized"), cloud.Unauthorized},
		"not found":                 {404, said("The resource you requested could not be found."), cloud.NotFound},
		"method not allowed":        {405, said("no"), cloud.Refused},
		"request timeout":           {408, said("slow"), cloud.Unavailable},
		"conflict":                  {409, said("conflict"), cloud.Refused},
		"too large":                 {413, said("large"), cloud.Refused},
		"invalid":                   {422, said("You specified an invalid size for Droplet creation."), cloud.Refused},
		"pending event":             {422, said("Droplet already has a pending event."), cloud.Busy},
		"quota":                     {422, said("this droplet will exceed your Droplet limit"), cloud.Exhausted},
		"no capacity":               {422, said("Size is not available in this region."), cloud.Exhausted},
		"region without capacity":   {422, said("The region is currently unavailable"), cloud.Exhausted},
		"image of another region":   {422, said("The image is not available in the selected region."), cloud.Refused},
		"too many":                  {429, said("API rate limit exceeded."), cloud.Throttled},
		"server error":              {500, said("Unexpected server-side error"), cloud.Unavailable},
		"unavailable":               {503, said("later"), cloud.Unavailable},
		"an id without a message":   {404, `{"id":"not_found"}`, cloud.NotFound},
		"a message without an id":   {404, `{"message":"gone"}`, cloud.NotFound},
		"neither":                   {404, `{"errors":[{"code":1000}]}`, cloud.Unavailable},
		"a list":                    {404, `[]`, cloud.Unavailable},
		"a null":                    {404, `null`, cloud.Unavailable},
		"nothing":                   {404, ``, cloud.Unavailable},
		"a page":                    {404, `<!DOCTYPE html>`, cloud.Unavailable},
		"half a body":               {404, `{"id":"not_found","message":"The res`, cloud.Unavailable},
		"a message that is no text": {404, `{"id":"not_found","message":{}}`, cloud.Unavailable},
		"a redirect":                {307, said("elsewhere"), cloud.Unavailable},
		"not modified":              {304, ``, cloud.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{answer: &answer{status: tc.status, body: []byte(tc.body), header: http.Header{}}}
			err := explain("reading instance", x, errors.New("whatever godo says"), time.Time{})
			wantKind(t, err, tc.want)
			var e *cloud.Error
			if !errors.As(err, &e) || e.Status != tc.status || e.Op != "reading instance" || e.Message == "" {
				t.Errorf("%+v", e)
			}
			if strings.Contains(err.Error(), "godo") || strings.Contains(err.Error(), "<") {
				t.Errorf("the text is not the cloud's: %v", err)
			}
		})
	}
}

func TestACutRefusalProvesNothing(t *testing.T) {
	x := &exchange{answer: &answer{
		status: 404, body: []byte(`{"id":"not_found"}`), readErr: errors.New("torn"), header: http.Header{},
	}}
	wantKind(t, explain("reading", x, errors.New("any"), time.Time{}), cloud.Unavailable)
}

func TestPause(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		status            int
		retryAfter, reset string
		want              time.Duration
	}{
		"seconds":                         {429, "12", "", 12 * time.Second},
		"seconds win over the reset":      {429, "12", "1767323645", 12 * time.Second},
		"a date":                          {429, "Fri, 02 Jan 2026 03:05:05 GMT", "", time.Minute},
		"a date gone by":                  {503, "Fri, 02 Jan 2026 03:03:05 GMT", "", 0},
		"on a 503 too":                    {503, "30", "", 30 * time.Second},
		"absurd":                          {429, "99999999999999", "", time.Hour},
		"negative":                        {503, "-5", "", 0},
		"nonsense":                        {503, "soon", "", 0},
		"none on a 500":                   {500, "", "1767323645", 0},
		"the hour is used up":             {429, "", "1767323645", 10 * time.Minute},
		"the hour, and the clocks differ": {429, "", "1767323000", minPause},
		"the hour, without a reset":       {429, "", "", blindPause},
		"the hour, with a broken reset":   {429, "", "tomorrow", blindPause},
		"the hour, in a far future":       {429, "", "9999999999", time.Hour},
		"no seconds to wait":              {429, "0", "1767323645", 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answer{status: tc.status, header: http.Header{}}
			a.header.Set("Retry-After", tc.retryAfter)
			a.header.Set("Ratelimit-Reset", tc.reset)
			if got := a.pause(now); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"as it is":         {"Droplet already has a pending event.", "Droplet already has a pending event."},
		"many lines":       {" a\r\n\tb\x00c\x1b[31m ", "a b c [31m"},
		"not UTF-8":        {"a\xffb", "a?b"},
		"invisible":        {"a\u202eb", "a b"},
		"a token":          {"bad token dop_v1_abc123!", "bad token [redacted]!"},
		"an OAuth token":   {"doo_v1_a dor_v1_b", "[redacted] [redacted]"},
		"a header":         {"Authorization: bearer s3cr3t", "Authorization: [redacted]"},
		"long":             {strings.Repeat("é", 301), strings.Repeat("é", 299) + "…"},
		"just long enough": {strings.Repeat("é", 300), strings.Repeat("é", 300)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := oneLine(tc.text); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
