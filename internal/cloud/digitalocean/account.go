// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"cmp"
	"context"
	"errors"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// readingTeam is what is being tried, in the words of cloud.Error.Op.
const readingTeam = "reading the token's team"

var _ cloud.Accounts = (*Client)(nil)

// Team implements cloud.Accounts. An account from before there were teams is a team of its own.
func (c *Client) Team(ctx context.Context) (cloud.Team, error) {
	var team cloud.Team
	err := c.call(ctx, readingTeam, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		account, response, err := c.accounts.Get(ctx)
		if err != nil {
			return response, err
		}
		if team = teamOf(account); team.UUID == "" {
			return response, errors.New("an account without a uuid")
		}
		return response, nil
	})
	if err != nil {
		return cloud.Team{}, err
	}
	return team, nil
}

// teamOf makes names fit for a condition: a person has chosen them.
func teamOf(account *godo.Account) cloud.Team {
	if account == nil {
		return cloud.Team{}
	}
	team := godo.TeamInfo{}
	if account.Team != nil {
		team = *account.Team
	}
	return cloud.Team{
		UUID: oneLine(cmp.Or(team.UUID, account.UUID)),
		Name: oneLine(cmp.Or(team.Name, account.Name)),
	}
}
