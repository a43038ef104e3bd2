// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

// traffic is what the manager asked of the API server, by "<resource>.<verb>" such as bots/status.patch.
//
// It is counted in the API server's audit log, by user: the manager is a process of its own, and the server also counts
// what a client in that process would not, such as retries inside client-go.
type traffic struct {
	// writes and reads exclude Events and Leases; reads exclude watches. Both count refused requests as well.
	writes, reads map[string]int
	// refused are the writes that the server refused, by status: conflicts, mostly.
	refused map[string]int
	// writesUntil are the writes up to an instant.
	writesUntil int
	// events and leases are the writes of these.
	events, leases int
	// forbidden are requests that the manager's Role does not allow, which is a bug.
	forbidden map[string]int
}

// auditEvent is the part of a line in the audit log that is counted.
type auditEvent struct {
	Stage          string    `json:"stage"`
	Verb           string    `json:"verb"`
	StageTimestamp time.Time `json:"stageTimestamp"`
	User           struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// readTraffic counts the audit log.
func readTraffic(path string, until time.Time) (traffic, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return traffic{}, fmt.Errorf("reading the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	return countTraffic(file, until)
}

func countTraffic(log io.Reader, until time.Time) (traffic, error) {
	t := traffic{
		writes: map[string]int{}, reads: map[string]int{}, refused: map[string]int{}, forbidden: map[string]int{},
	}
	for lines := json.NewDecoder(log); ; {
		var event auditEvent
		switch err := lines.Decode(&event); {
		case errors.Is(err, io.EOF):
			return t, nil
		case err != nil:
			return t, fmt.Errorf("reading the audit log: %w", err)
		}
		ours := event.User.Username == localrun.ManagerUser && event.ObjectRef.Resource != ""
		if ours && event.Stage == "ResponseComplete" {
			t.add(event, until)
		}
	}
}

func (t *traffic) add(event auditEvent, until time.Time) {
	name := event.ObjectRef.Resource
	if event.ObjectRef.Subresource != "" {
		name += "/" + event.ObjectRef.Subresource
	}
	name += "." + event.Verb
	if event.ResponseStatus.Code == http.StatusForbidden {
		t.forbidden[name]++
	}
	switch event.Verb {
	case "get", "list":
		if event.ObjectRef.Resource != "leases" {
			t.reads[name]++
		}
	case "create", "update", "patch", "delete", "deletecollection":
		t.addWrite(name, event, until)
	}
}

func (t *traffic) addWrite(name string, event auditEvent, until time.Time) {
	switch event.ObjectRef.Resource {
	case "events":
		t.events++
		return
	case "leases":
		t.leases++
		return
	}
	t.writes[name]++
	if !event.StageTimestamp.After(until) {
		t.writesUntil++
	}
	if event.ResponseStatus.Code >= http.StatusBadRequest {
		t.refused[fmt.Sprintf("%s %d", name, event.ResponseStatus.Code)]++
	}
}
