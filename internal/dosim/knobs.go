// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// knob is an option that can be turned while the simulator runs. It has one name on the admin endpoint, state_delay,
// and the same with dashes as a flag.
type knob struct {
	name  string
	value any // *time.Duration, *int or *bool
}

func (k knob) flag() string { return strings.ReplaceAll(k.name, "_", "-") }

// knobs are the options that can be turned, in the order in which they are declared.
func (o *Options) knobs() []knob {
	return []knob{
		{"state_delay", &o.StateDelay}, {"get_lag", &o.GetLag}, {"list_lag", &o.ListLag}, {"tag_lag", &o.TagLag},
		{"delete_lag", &o.DeleteLag}, {"action_delay", &o.ActionDelay}, {"off_lag", &o.OffLag},
		{"droplet_limit", &o.DropletLimit}, {"hourly_limit", &o.HourlyLimit}, {"minute_limit", &o.MinuteLimit},
		{"ignore_delete_while_new", &o.IgnoreDeleteWhileNew}, {"ignore_shutdown", &o.IgnoreShutdown},
		{"lock_busy", &o.LockBusy},
	}
}

// Configure changes the behaviour of a running simulator. What has been promised already keeps its time: a droplet
// that was created under a StateDelay becomes active under that one. Clock, Tokens, Seed, Admin, Machines and the
// identity of the account are not changed this way, and neither is anything when the result does not validate.
func (s *Server) Configure(change func(*Options)) error {
	defer s.enter()()
	next := s.opts
	change(&next)
	if err := next.Validate(); err != nil {
		return err
	}
	next.Clock, next.Tokens, next.Seed, next.Admin = s.opts.Clock, s.opts.Tokens, s.opts.Seed, s.opts.Admin
	next.TeamUUID, next.TeamName, next.AccountUUID = s.opts.TeamUUID, s.opts.TeamName, s.opts.AccountUUID
	s.opts = next
	return nil
}

// SetDropletLimit changes the quota of the account, as DigitalOcean's support does; zero is no droplet at all.
func (s *Server) SetDropletLimit(limit int) {
	defer s.enter()()
	s.opts.DropletLimit = limit
}

func (o *Options) patch(fields map[string]json.RawMessage) error {
	known := map[string]knob{}
	for _, k := range o.knobs() {
		known[k.name] = k
	}
	for name, raw := range fields {
		k, ok := known[name]
		if !ok {
			return fmt.Errorf("unknown setting %q", name)
		}
		if err := k.set(raw); err != nil {
			return fmt.Errorf("setting %q: %w", name, err)
		}
	}
	return nil
}

func (k knob) set(raw json.RawMessage) error {
	duration, ok := k.value.(*time.Duration)
	if !ok {
		return json.Unmarshal(raw, k.value)
	}
	var parsed Duration
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return err
	}
	*duration = time.Duration(parsed)
	return nil
}

func (o *Options) settings() map[string]any {
	all := map[string]any{}
	for _, k := range o.knobs() {
		if duration, ok := k.value.(*time.Duration); ok {
			all[k.name] = Duration(*duration)
			continue
		}
		all[k.name] = k.value
	}
	return all
}

// Duration is a time.Duration that is written in JSON as people write it: "1.5s".
type Duration time.Duration

// MarshalJSON gives the duration as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads a string that time.ParseDuration understands.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	*d = Duration(parsed)
	return err
}
