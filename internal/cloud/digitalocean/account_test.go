// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestTheTeamIsThatOfTheToken(t *testing.T) {
	client, sim := withSimulator(t)
	sim.SetTeam(dosim.Team{UUID: "5c3a8e1f-0000-4000-8000-000000000001", Name: "Desk 7"})
	team, err := client.Team(t.Context())
	if want := (cloud.Team{UUID: "5c3a8e1f-0000-4000-8000-000000000001", Name: "Desk 7"}); err != nil || team != want {
		t.Errorf("team %+v and error %v, want %+v", team, err, want)
	}
	sim.SetTokens("dop_v1_another")
	_, err = client.Team(t.Context())
	wantKind(t, err, cloud.Unauthorized)
}

func TestAnAccountWithoutATeamIsItsOwn(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want cloud.Team
	}{
		"no team":       {`{"account":{"uuid":"a-1","name":"Ann"}}`, cloud.Team{UUID: "a-1", Name: "Ann"}},
		"an empty team": {`{"account":{"uuid":"a-1","team":{}}}`, cloud.Team{UUID: "a-1"}},
		"a name that would break a line": {
			`{"account":{"uuid":"a-1","team":{"uuid":"t-1","name":"Desk\n\u00007"}}}`, cloud.Team{UUID: "t-1", Name: "Desk 7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			team, err := withHandler(t, answering(200, "application/json", test.body)).Team(t.Context())
			if err != nil || team != test.want {
				t.Errorf("team %+v and error %v, want %+v", team, err, test.want)
			}
		})
	}
}

func TestAnAnswerThatNamesNobodyIsNone(t *testing.T) {
	for name, body := range map[string]string{
		"no account": `{}`, "no uuid": `{"account":{}}`, "null": `null`, "a portal": `<html></html>`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := withHandler(t, answering(200, "application/json", body)).Team(t.Context())
			wantKind(t, err, cloud.Unavailable)
		})
	}
}
