// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// adminPrefix is where a test in another process does what a Go test does by calling methods. Requests to it need no
// token, are not limited, meet no fault and leave no trace in the journal.
const adminPrefix = "/_sim/"

// adminRoute does one thing and answers with what it returns: an error is the client's mistake.
type adminRoute func(*http.Request) (any, error)

func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]adminRoute{
		"GET /_sim/journal":                  s.adminJournal,
		"DELETE /_sim/journal":               s.adminResetJournal,
		"GET /_sim/instances":                s.adminInstances,
		"GET /_sim/faults":                   s.adminFaults,
		"POST /_sim/faults":                  s.adminAddFault,
		"DELETE /_sim/faults":                s.adminClearFaults,
		"GET /_sim/settings":                 s.adminSettings,
		"PATCH /_sim/settings":               s.adminPatchSettings,
		"PUT /_sim/tokens":                   s.adminTokens,
		"PUT /_sim/team":                     s.adminTeam,
		"POST /_sim/droplets":                s.adminPlant,
		"POST /_sim/droplets/{id}/destroy":   s.adminDestroy,
		"POST /_sim/droplets/{id}/state":     s.adminState,
		"POST /_sim/droplets/{id}/rename":    s.adminRename,
		"POST /_sim/droplets/{id}/retag":     s.adminRetag,
		"GET /_sim/droplets/{id}/user_data":  s.adminUserData,
		"GET /_sim/agents":                   s.adminAgents,
		"POST /_sim/agents/{id}/stop":        s.adminSwitchAgent(false),
		"POST /_sim/agents/{id}/start":       s.adminSwitchAgent(true),
		"PUT /_sim/sizes/{size}/{region}":    s.adminOffer(true),
		"DELETE /_sim/sizes/{size}/{region}": s.adminOffer(false),
	} {
		mux.HandleFunc(pattern, handle.serve)
	}
	return mux
}

func (handle adminRoute) serve(w http.ResponseWriter, r *http.Request) {
	body, err := handle(r)
	status := http.StatusOK
	switch {
	case errors.Is(err, ErrNoInstance):
		status, body = http.StatusNotFound, map[string]string{"error": err.Error()}
	case err != nil:
		status, body = http.StatusBadRequest, map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone, which is its own affair
}

func (s *Server) adminJournal(r *http.Request) (any, error) {
	since, err := strconv.ParseInt("0"+r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		return nil, err
	}
	return map[string]any{"entries": s.JournalSince(since)}, nil
}

func (s *Server) adminResetJournal(*http.Request) (any, error) {
	s.ResetJournal()
	return struct{}{}, nil
}

// adminInstances answers with every instance that ever existed, or with live=true only those that exist, and with how
// many of them existed at the same time; prefix selects by name.
func (s *Server) adminInstances(r *http.Request) (any, error) {
	prefix := r.URL.Query().Get("prefix")
	live := s.Live(prefix)
	shown := live
	if r.URL.Query().Get("live") != "true" {
		shown = withPrefix(s.Instances(), prefix)
	}
	return map[string]any{"instances": shown, "live": len(live), "max_live": s.MaxLive(prefix)}, nil
}

func (s *Server) adminSettings(*http.Request) (any, error) {
	defer s.enter()()
	opts := s.opts
	return opts.settings(), nil
}

func (s *Server) adminPatchSettings(r *http.Request) (any, error) {
	var fields map[string]json.RawMessage
	if err := readJSON(r, &fields); err != nil {
		return nil, err
	}
	var bad error
	if err := s.Configure(func(o *Options) {
		patched := *o
		if bad = patched.patch(fields); bad == nil {
			*o = patched
		}
	}); err != nil {
		return nil, err
	}
	if bad != nil {
		return nil, bad
	}
	return s.adminSettings(r)
}

func (s *Server) adminTokens(r *http.Request) (any, error) {
	var request struct {
		Tokens []string `json:"tokens"`
	}
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	s.SetTokens(request.Tokens...)
	return struct{}{}, nil
}

func (s *Server) adminTeam(r *http.Request) (any, error) {
	var request struct {
		UUID        string `json:"uuid"`
		Name        string `json:"name"`
		AccountUUID string `json:"account_uuid"`
	}
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	s.SetTeam(Team{UUID: request.UUID, Name: request.Name, AccountUUID: request.AccountUUID})
	return struct{}{}, nil
}

// readJSON refuses a field that it does not know by name: a fault that is misspelt would hit something else.
func readJSON(r *http.Request, v any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(v)
}
