// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plantRequest is Plant as JSON.
type plantRequest struct {
	Name      string    `json:"name"`
	Tags      []string  `json:"tags"`
	CreatedAt time.Time `json:"created_at"`
	State     string    `json:"state"`
	Region    string    `json:"region"`
	Size      string    `json:"size"`
	Image     string    `json:"image"`
	UserData  string    `json:"user_data"`
}

func (s *Server) adminPlant(r *http.Request) (any, error) {
	var request plantRequest
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	id, err := s.plant(Plant(request))
	if err != nil {
		return nil, err
	}
	return map[string]int64{"id": id}, nil
}

func (s *Server) adminDestroy(r *http.Request) (any, error) {
	return struct{}{}, s.DestroyInstance(pathID(r))
}

func (s *Server) adminState(r *http.Request) (any, error) {
	var request struct {
		State string `json:"state"`
	}
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	return struct{}{}, s.SetState(pathID(r), request.State)
}

func (s *Server) adminRename(r *http.Request) (any, error) {
	var request struct {
		Name string `json:"name"`
	}
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	return struct{}{}, s.Rename(pathID(r), request.Name)
}

func (s *Server) adminRetag(r *http.Request) (any, error) {
	var request struct {
		Tags []string `json:"tags"`
	}
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	return struct{}{}, s.Retag(pathID(r), request.Tags...)
}

// tokens are what opens a gateway: https://github.com/cedros-io/open-spawn/blob/main/docs/protocol.yaml.
var tokens = regexp.MustCompile(`\bos[rc][0-9]+\.[A-Za-z0-9._-]+`)

// adminUserData answers with what an instance was booted with, except for the tokens in it.
func (s *Server) adminUserData(r *http.Request) (any, error) {
	data, found := s.UserData(pathID(r))
	if !found {
		return nil, ErrNoInstance
	}
	return map[string]string{"user_data": tokens.ReplaceAllString(data, "(a token)")}, nil
}

// adminOffer makes a size available in a region, or not.
func (s *Server) adminOffer(available bool) adminRoute {
	return func(r *http.Request) (any, error) {
		return struct{}{}, s.setSizeAvailable(r.PathValue("size"), r.PathValue("region"), available)
	}
}

func withPrefix(instances []Instance, prefix string) []Instance {
	return slices.DeleteFunc(instances, func(i Instance) bool { return !strings.HasPrefix(i.Name, prefix) })
}

// pathID is 0, which no instance has, when the path holds no number.
func pathID(r *http.Request) int64 {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}
