// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

// Team is who a token belongs to.
type Team struct {
	// UUID and Name are the team's; AccountUUID is that of the user within it. Empty ones are made up.
	UUID, Name, AccountUUID string
}

// floatingIPLimit is what a fresh account may have. Nothing here uses it.
const floatingIPLimit = 5

type wireAccount struct {
	DropletLimit    int      `json:"droplet_limit"`
	FloatingIPLimit int      `json:"floating_ip_limit"`
	Email           string   `json:"email"`
	Name            string   `json:"name"`
	UUID            string   `json:"uuid"`
	EmailVerified   bool     `json:"email_verified"`
	Status          string   `json:"status"`
	StatusMessage   string   `json:"status_message"`
	Team            wireTeam `json:"team"`
}

type wireTeam struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

func getAccount(c *call) reply {
	team := c.account.team
	return ok(map[string]any{"account": &wireAccount{
		DropletLimit:    c.s.opts.DropletLimit,
		FloatingIPLimit: floatingIPLimit,
		Email:           "bots@example.com",
		Name:            "Bot Keeper",
		UUID:            team.AccountUUID,
		EmailVerified:   true,
		Status:          "active",
		Team:            wireTeam{UUID: team.UUID, Name: team.Name},
	}})
}

// newAccount makes an empty account with one private image.
func (s *Server) newAccount(team Team) *account {
	if team.UUID == "" {
		team.UUID = s.ids.uuid()
	}
	if team.AccountUUID == "" {
		team.AccountUUID = s.ids.uuid()
	}
	if team.Name == "" {
		team.Name = "My Team"
	}
	a := newStore(team)
	a.images = append(a.images, customImage(s.ids.image()))
	s.accounts = append(s.accounts, a)
	return a
}

// authenticate finds the account of a token. A simulator that was given no tokens takes any.
func (s *Server) authenticate(token string) (*account, bool) {
	if token == "" {
		return nil, false
	}
	if a, known := s.tokens[token]; known {
		return a, true
	}
	return s.main, len(s.opts.Tokens) == 0
}

// SetTokens makes these the tokens of the account, in place of all that it had: a rotation, or without any, a return
// to taking every token. Tokens of other teams stay.
func (s *Server) SetTokens(tokens ...string) {
	defer s.enter()()
	for token, a := range s.tokens {
		if a == s.main {
			delete(s.tokens, token)
		}
	}
	for _, token := range tokens {
		s.tokens[token] = s.main
	}
	s.opts.Tokens = tokens
}

// AddTeam makes an account of another team and gives it these tokens. Whoever uses one sees none of our droplets.
func (s *Server) AddTeam(team Team, tokens ...string) Team {
	defer s.enter()()
	a := s.newAccount(team)
	for _, token := range tokens {
		s.tokens[token] = a
	}
	return a.team
}

// SetTeam changes who the account says it belongs to; empty fields stay as they are.
func (s *Server) SetTeam(team Team) {
	defer s.enter()()
	now := &s.main.team
	for _, field := range []struct {
		to   *string
		from string
	}{{&now.UUID, team.UUID}, {&now.Name, team.Name}, {&now.AccountUUID, team.AccountUUID}} {
		if field.from != "" {
			*field.to = field.from
		}
	}
}
