// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// machine is a Bot with its Droplet and its instance.
type machine struct {
	bot      *spawnv1.Bot
	droplet  *spawnv1.Droplet
	instance dosim.Instance
}

// plantFleet makes a fleet at rest without the time that it takes to make one: a manager brings one Bot to rest,
// and the others are that one under other names, their status included. There is no manager afterwards.
func (w *world) plantFleet(count int) []machine {
	w.Helper()
	bots := w.fleet("bot", count)
	w.start()
	w.create(bots[0])
	w.until("the first bot is Ready", 5*time.Minute, w.allReady(1))
	w.pass(2 * time.Minute) // also what is counted and listed only now and then
	w.manager.stop()
	model := w.modelOf(bots[0].GetName())
	fleet := []machine{model}
	for _, bot := range bots[1:] {
		fleet = append(fleet, w.plant(model, bot))
	}
	var objects []client.Object
	for _, m := range fleet[1:] {
		objects = append(objects, m.bot, m.droplet)
	}
	w.each(objects, "planting", func(ctx context.Context, o client.Object) error {
		planted, _ := o.DeepCopyObject().(client.Object) // the answer has no status, and takes the one there was
		if err := w.api.Create(ctx, planted); err != nil {
			return err
		}
		o.SetResourceVersion(planted.GetResourceVersion())
		o.SetUID(planted.GetUID())
		return w.api.Status().Update(ctx, o)
	})
	w.seat(fleet)
	return fleet
}

// seat gives every Bot of a planted fleet its slot.
func (w *world) seat(fleet []machine) {
	w.Helper()
	taken := map[string]map[string]spawnv1.Slot{}
	for _, m := range fleet {
		account := m.bot.Spec.AccountRef.Name
		if taken[account] == nil {
			taken[account] = map[string]spawnv1.Slot{}
		}
		taken[account][slots.KeyOf(m.bot)] = spawnv1.Slot{
			UID: string(m.bot.UID), ReservedAt: metav1.NewTime(w.clock.Now()).Rfc3339Copy(),
		}
	}
	for name, held := range taken {
		account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
		w.must(w.api.Get(w.Context(), client.ObjectKeyFromObject(account), account), "reading account %s", name)
		account.Status.Slots = held
		w.must(w.api.Status().Update(w.Context(), account), "giving the bots of account %s their slots", name)
	}
}

func (w *world) modelOf(name string) machine {
	w.Helper()
	m := machine{bot: &spawnv1.Bot{}, droplet: &spawnv1.Droplet{}}
	w.must(w.api.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, m.bot), "reading the model")
	key := client.ObjectKey{Namespace: w.namespace, Name: m.bot.Status.DropletName}
	w.must(w.api.Get(w.Context(), key, m.droplet), "reading the model's droplet")
	live := w.sim.Live(key.Name)
	if len(live) != 1 {
		w.Fatalf("the model has %d instances", len(live))
	}
	m.instance = live[0]
	return m
}

// plant makes an instance like the model's, and says what the objects of its Bot are.
func (w *world) plant(model machine, bot client.Object) machine {
	w.Helper()
	name := identity.NewName(fleetID, w.namespace, bot.GetName())
	id := w.sim.Plant(dosim.Plant{
		Name: name, Tags: model.instance.Tags, Region: model.instance.Region, Size: model.instance.Size,
		Image: model.instance.Image, CreatedAt: model.instance.CreatedAt,
	})
	instance, _ := w.sim.Instance(id)
	planned, _ := bot.(*spawnv1.Bot)
	renamed := strings.NewReplacer( // the longer ones first
		model.instance.Name, instance.Name,
		strconv.FormatInt(model.instance.ID, 10), strconv.FormatInt(instance.ID, 10),
		model.instance.PublicIPv4, instance.PublicIPv4,
		model.instance.PrivateIPv4, instance.PrivateIPv4,
		model.bot.Name, bot.GetName(),
		model.bot.Spec.AccountRef.Name, planned.Spec.AccountRef.Name,
	)
	m := machine{bot: &spawnv1.Bot{}, droplet: &spawnv1.Droplet{}, instance: instance}
	w.rename(model.bot, m.bot, renamed)
	w.rename(model.droplet, m.droplet, renamed)
	return m
}

// rename copies an object, with other names in it. The API server gives it what is its own.
func (w *world) rename(from, to client.Object, names *strings.Replacer) {
	w.Helper()
	from, _ = from.DeepCopyObject().(client.Object)
	from.SetUID("")
	from.SetResourceVersion("")
	from.SetCreationTimestamp(metav1.Time{})
	from.SetManagedFields(nil)
	text, err := json.Marshal(from)
	w.must(err, "copying %s", from.GetName())
	w.must(json.Unmarshal([]byte(names.Replace(string(text))), to), "copying %s", from.GetName())
	if from.GetGeneration() != 1 {
		w.must(fmt.Errorf("its generation is %d", from.GetGeneration()), "a copy of %s would be of another", from.GetName())
	}
}
