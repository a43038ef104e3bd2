// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

func TestEveryRightOfTheManagerIsUsed(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	// Where the API server does not stream lists, the manager lists first, and then watches.
	w.variables = []string{"KUBE_FEATURE_WatchListClient=false"}
	forgetCertificate(t)
	manager := w.startAsked(t, "--leader-elect", "--inventory-interval=1s",
		"--orphan-policy=Report", "--orphan-min-age=1s", "--orphan-sightings=1")
	certificateIsRenewed(t)
	c.apply(t, "clerk")
	c.becomeReady(t, "clerk")
	w.hasAnEventTwice(t)
	kubectl(t, "patch", "-n", c.namespace, "bot", "clerk", "--type=merge", "-p", `{"spec":{"deletionPolicy":"Snapshot"}}`)
	c.becomeReady(t, "clerk")
	kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", "clerk")
	kubectl(t, "delete", "--timeout=60s", "account", c.account)
	removeWebhooks(t)
	manager.signal(t, syscall.SIGTERM)
	manager.ends(t)
	w.isTakenOver(t)

	used, err := rightsUsed(shared.plane.AuditLogPath())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"role.yaml", "leader_election_role.yaml", "fleet_record_role.yaml", "admission_role.yaml",
		"webhook_certificate_role.yaml", "delivery_role.yaml", "machine_secrets_role.yaml",
	} {
		for _, right := range rightsGranted(t, filepath.Join(repository, "config", "rbac", file)) {
			if !used[right] {
				t.Errorf("%s grants %q, which the manager does not use", file, right)
			}
		}
	}
}

// hasAnEventTwice has two orphans reported, the second of which is added to the event of the first.
func (w *world) hasAnEventTwice(t *testing.T) {
	t.Helper()
	long := time.Now().Add(-time.Hour) //nolint:forbidigo // the manager runs on real time
	for _, name := range []string{"waif-0123456789abc", "stray-0123456789abc"} {
		w.cloud.Plant(dosim.Plant{Name: name, Tags: []string{w.fleetTag(t)}, CreatedAt: long})
	}
	eventually(t, "the second orphan is added to the event of the first", soonEnough, func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := shared.api.List(ctx, &events); err != nil {
			return err
		}
		if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
			return e.Reason == spawnv1.OrphanFoundReason && e.Series != nil
		}) {
			return fmt.Errorf("none of %d events has a series", len(events.Items))
		}
		return nil
	})
}

// rightsGranted are the rights of a role, such as "patch spawn.cedros.io/bots/status".
func rightsGranted(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole // a Role reads the same
	if err := yaml.Unmarshal(content, &role); err != nil {
		t.Fatal(err)
	}
	var rights []string
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					rights = append(rights, fmt.Sprintf("%s %s/%s", verb, group, resource))
				}
			}
		}
	}
	if len(rights) == 0 {
		t.Fatalf("%s grants nothing", file)
	}
	return rights
}

// rightsUsed are the rights that the manager was granted a request by.
func rightsUsed(auditLog string) (map[string]bool, error) {
	used := map[string]bool{}
	return used, managerRequests(auditLog, func(e *request) {
		if e.allowed() {
			used[e.right()] = true
		}
	})
}

// refusals is an error that names every right that the manager was refused a request for want of. A 403 for another
// cause is none of it: nothing can be created in a namespace that is being deleted.
func refusals(auditLog string) error {
	refused := map[string]error{}
	err := managerRequests(auditLog, func(e *request) {
		if !e.allowed() {
			refused[e.right()] = fmt.Errorf("the manager was refused %q: %s", e.right(), e.RequestURI)
		}
	})
	for _, refusal := range refused {
		err = errors.Join(err, refusal)
	}
	return err
}

// request is one line of the audit log.
type request struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	Annotations map[string]string `json:"annotations"`
}

func (r *request) allowed() bool { return r.Annotations["authorization.k8s.io/decision"] != "forbid" }

func (r *request) right() string {
	right := fmt.Sprintf("%s %s/%s", r.Verb, r.ObjectRef.APIGroup, r.ObjectRef.Resource)
	if r.ObjectRef.Subresource != "" {
		right += "/" + r.ObjectRef.Subresource
	}
	return right
}

// managerRequests hands over every request that the manager made.
func managerRequests(auditLog string, hear func(*request)) error {
	file, err := os.Open(auditLog)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for lines := json.NewDecoder(bufio.NewReader(file)); lines.More(); {
		var r request
		if err := lines.Decode(&r); err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		if r.User.Username == localrun.ManagerUser {
			hear(&r)
		}
	}
	return nil
}
