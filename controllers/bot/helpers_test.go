// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// wantInstances fails the test unless so many instances of the Bot live, and so many were ever created for anybody.
func wantInstances(t *testing.T, e *testenv.Env, bot string, live, ever int) {
	t.Helper()
	if got := e.Live(bot); len(got) != live || e.Ever() != ever {
		t.Errorf("%d instances of %s live and %d were ever created, want %d and %d\n%s",
			len(got), bot, e.Ever(), live, ever, e.Describe())
	}
}

// wantOnly fails the test unless the object has that one of the abnormal conditions Reconciling and Stalled, or, when
// it is empty, neither.
func wantOnly(t *testing.T, obj status.Object, abnormal string) {
	t.Helper()
	for _, conditionType := range []string{spawnv1.ReconcilingCondition, spawnv1.StalledCondition} {
		if present := status.Get(obj, conditionType) != nil; present != (conditionType == abnormal) {
			t.Errorf("%s: condition %s is present: %v, want only %q", obj.GetName(), conditionType, present, abnormal)
		}
	}
}

// otherThanPasses are the requests that the cloud has got, without the passes over the fleet and the verification of
// the token, which each life of the manager does once.
func otherThanPasses(e *testenv.Env) []dosim.Entry {
	var others []dosim.Entry
	for _, entry := range e.Cloud.Journal() {
		if entry.Route == "/v2/account" {
			continue
		}
		if entry.Route != "/v2/droplets" || entry.Method != http.MethodGet || !strings.Contains(entry.Query, "tag_name=") {
			others = append(others, entry)
		}
	}
	return others
}

// strip deletes an object and takes its finalizers off by force, the way of people who are in a hurry. A Bot leaves its
// slot behind.
func strip(e *testenv.Env, obj client.Object) {
	if _, ok := obj.(*spawnv1.Bot); ok {
		e.MayKeepSlots = true
	}
	e.Delete(obj)
	if e.Exists(obj) {
		e.Update(obj, func() { obj.SetFinalizers(nil) })
	}
}

// untilReady runs the world until the Bot is Ready and gives it as it is then.
func untilReady(e *testenv.Env, name string) *spawnv1.Bot {
	e.Until("bot "+name+" is Ready", func() bool { return e.IsReady(e.Bot(name)) })
	return e.Bot(name)
}

// untilGone runs the world until the object is no more.
func untilGone(e *testenv.Env, obj client.Object) {
	e.Until(obj.GetName()+" is gone", func() bool { return !e.Exists(obj) })
}

// once makes act run for the first request that matches, and for no other.
func once(matches func(*http.Request) bool, act func() error) testenv.Hook {
	done := false
	return func(request *http.Request) error {
		if done || !matches(request) {
			return nil
		}
		done = true
		return act()
	}
}

// toAPI tells whether a request goes to the API server's objects of our group.
func toAPI(request *http.Request) bool {
	return strings.HasPrefix(request.URL.Path, "/apis/"+spawnv1.GroupName+"/")
}

// isCreate tells whether a request asks the cloud for an instance.
func isCreate(request *http.Request) bool {
	return request.Method == http.MethodPost && request.URL.Path == "/v2/droplets"
}

// plantMachine puts an instance into the cloud that bears a machine name of the Bot and the fleet's tags.
func plantMachine(e *testenv.Env, bot string) int64 {
	return e.Cloud.Plant(dosim.Plant{
		Name: identity.NewName(testenv.Fleet, e.Namespace, bot), Tags: identity.Tags(testenv.Fleet, nil),
		Size: "s-1vcpu-2gb",
	})
}

// reasonOf is the reason of an object's condition, read off its status.
func reasonOf(obj status.Object, conditionType string) string {
	return status.Reason(obj, conditionType)
}

func keyOf(obj client.Object) client.ObjectKey { return client.ObjectKeyFromObject(obj) }

// isDropletCreate tells whether a request creates a Droplet object.
func isDropletCreate(request *http.Request) bool {
	return toAPI(request) && request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/droplets")
}

func secretNamed(namespace, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// failEverything has the cloud answer everything with 500 from now on.
func failEverything(e *testenv.Env) {
	e.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: http.StatusInternalServerError, Count: dosim.Forever})
}

// annotate puts an annotation on a Bot.
func annotate(e *testenv.Env, bot *spawnv1.Bot, key, value string) {
	fresh := e.Bot(bot.Name)
	e.Update(fresh, func() {
		if fresh.Annotations == nil {
			fresh.Annotations = map[string]string{}
		}
		fresh.Annotations[key] = value
	})
}

// writesOfAll is writes for every kind of object.
func writesOfAll(into *[]string) testenv.Hook {
	return func(request *http.Request) error {
		if !strings.HasPrefix(request.URL.Path, "/v2/") && request.Method != http.MethodGet {
			*into = append(*into, request.Method+" "+request.URL.Path)
		}
		return nil
	}
}
