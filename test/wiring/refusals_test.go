// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// wrong is one thing that an operator of tenant north may not have, while a Bot without it is accepted.
type wrong struct {
	// account of both Bots, north when empty.
	account string
	// wish makes a good Bot a wrong one.
	wish func(*spawnv1.Bot)
	// says is what must be in the refusal; changed is the same of a change, when it is not the same.
	says, changed string
}

const (
	// asked begins what the webhook says.
	asked = `admission webhook "bots.spawn.cedros.io" denied the request: `
	dear  = ` millionths of a US dollar an hour, and account `

	closed = `Secret "closed" is not open to bots; whoever owns it can open it with: ` +
		`kubectl label -n tenant-north secret closed spawn.cedros.io/bot-access=true`
)

func size(slug string) func(*spawnv1.Bot) { return func(b *spawnv1.Bot) { b.Spec.Machine.Size = slug } }

func key(secret string) func(*spawnv1.Bot) {
	return func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Name = secret }
}

var wrongs = map[string]wrong{
	"an Account that does not list the namespace": {
		wish: func(b *spawnv1.Bot) { b.Spec.AccountRef.Name = "south" },
		says: asked + `spec.accountRef.name: account "south" has no bots in namespace "tenant-north"; ` +
			`whoever runs the platform can add it to the account's namespaces`,
		changed: `spec.accountRef.name: Invalid value: "south": a bot cannot move to another account; ` +
			`create a new Bot there and delete this one`,
	},
	"a Secret without the label": {wish: key("closed"), says: asked + "spec.llm.apiKeySecretRef: " + closed},
	"a Secret without the label, as a credential": {
		wish: func(b *spawnv1.Bot) {
			b.Spec.Credentials = []spawnv1.Credential{{
				Name: "EXCHANGE_KEY", SecretRef: spawnv1.SecretKeyReference{Name: "closed", Key: "key"},
			}}
		},
		says: asked + "spec.credentials[EXCHANGE_KEY].secretRef: " + closed,
	},
	"a Secret without the label, of a channel": {
		wish: func(b *spawnv1.Bot) {
			b.Spec.Channels = []spawnv1.Channel{{
				Type: spawnv1.ChannelTelegram, AllowFrom: []string{"1"},
				TokenSecretRef: spawnv1.SecretKeyReference{Name: "closed", Key: "key"},
			}}
		},
		says: asked + "spec.channels[Telegram].tokenSecretRef: " + closed,
	},
	"the token of a ServiceAccount": {
		wish: key("token"),
		says: asked + `spec.llm.apiKeySecretRef: Secret "token" is of type kubernetes.io/service-account-token, ` +
			`and bots read Secrets of type Opaque only`,
	},
	"a pull secret": {
		wish: key("pull"),
		says: asked + `spec.llm.apiKeySecretRef: Secret "pull" is of type kubernetes.io/dockerconfigjson, ` +
			`and bots read Secrets of type Opaque only`,
	},
	"a GPU": {
		wish: size("gpu-h100x1-80gb"),
		says: asked + `spec.machine.size: "gpu-h100x1-80gb" costs 6740000` + dear + `"north" allows at most 50000`,
	},
	"a GPU, of an Account that says nothing of machines": {
		account: "plain",
		wish:    size("gpu-h100x1-80gb"),
		says:    asked + `spec.machine.size: "gpu-h100x1-80gb" costs 6740000` + dear + `"plain" allows at most 100000`,
	},
	"a dear machine": {
		wish: size("c-2"),
		says: asked + `spec.machine.size: "c-2" costs 62500` + dear + `"north" allows at most 50000`,
	},
	"another region": {
		wish: func(b *spawnv1.Bot) { b.Spec.Machine.Region = "lon1" },
		says: asked + `spec.machine.region: account "north" does not allow "lon1"; it allows nyc3, fra1`,
	},
	"a network": {
		wish: func(b *spawnv1.Bot) { b.Spec.Machine.VPCUUID = "5a4981aa-9653-4bd1-bef5-d6bff52042e4" },
		says: asked + `spec.machine.vpcUUID: account "north" does not allow "5a4981aa-9653-4bd1-bef5-d6bff52042e4"; ` +
			`it allows none`,
	},
	"a private image, or a snapshot of somebody else": {
		wish: func(b *spawnv1.Bot) { b.Spec.Machine.Image = "63663980" },
		says: `spec.machine.image: Invalid value: "63663980": image is the slug of a public image such as ` +
			`ubuntu-24-04-x64, not a number`,
	},
	"real money": {
		wish: func(b *spawnv1.Bot) { b.Spec.Trading.Mode = spawnv1.TradingLive },
		says: asked + `spec.trading.mode: account "north" does not allow Live trading; use Paper, or have the ` +
			`account's liveTrading set to Allowed`,
	},
	"a host of its choice": {
		wish: func(b *spawnv1.Bot) { b.Spec.LLM.BaseURL = "https://collector.example/v1" },
		says: asked + `spec.llm.baseURL: account "north" does not allow the host "collector.example"; ` +
			`it allows north.example`,
	},
	"a host that is not the one it looks like": {
		wish: func(b *spawnv1.Bot) { b.Spec.LLM.BaseURL = "https://north.example@collector.example/v1" },
		says: `spec.llm.baseURL: Invalid value: "https://north.example@collector.example/v1": baseURL must be https:// ` +
			`and a lower-case host, then at most a port and a path; no user name, query or fragment`,
	},
}

// What is refused here is refused to an operator with the sample Role, by the API server, in words that name the field
// and what is allowed instead. The same Bot without it is accepted, and then must not become a wrong one by a change.
func TestTenantsAreRefusedWhatTheirAccountForbids(t *testing.T) {
	w := newWorld(t)
	north := w.withSampleTenants(t)
	api := operator.client(t)
	north.pricesAreKnown(t)
	var accepted []string
	for name, wrong := range wrongs {
		t.Run(name, func(t *testing.T) {
			account := wrong.account
			if account == "" {
				account = north.account
			}
			good := north.goodBot(account)
			bad := good.DeepCopy()
			wrong.wish(bad)
			isRefused(t, "a Bot", api.Create(t.Context(), bad), wrong.says)
			hasSlot(t, account, good, false)

			if err := api.Create(t.Context(), good); err != nil {
				t.Fatalf("without it, the Bot is refused: %v", err)
			}
			hasSlot(t, account, good, true)

			before := good.DeepCopy()
			wrong.wish(good)
			says := wrong.changed
			if says == "" {
				says = wrong.says
			}
			isRefused(t, "a change", api.Patch(t.Context(), good, client.MergeFrom(before)), says)
			harmless := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"machine":{"size":"s-2vcpu-4gb"}}}`))
			if err := api.Patch(t.Context(), before, harmless); err != nil {
				t.Errorf("another change is refused: %v", err)
			}
			accepted = append(accepted, good.Name)
		})
	}
	for _, name := range accepted {
		north.hasMachine(t, name)
	}
}

// hasMachine waits until a Bot has an instance.
func (c *tenant) hasMachine(t *testing.T, name string) {
	t.Helper()
	eventually(t, "what is allowed has a machine", soonEnough, func(ctx context.Context) error {
		bot, err := c.bot(ctx, name)
		if err == nil && bot.Status.InstanceID == 0 {
			err = notYet(bot)
		}
		return err
	})
}

// goodBot is one that Account north and Account plain allow.
func (c *tenant) goodBot(account string) *spawnv1.Bot {
	bot := c.newBot("tame-" + rand.String(8))
	bot.Spec.AccountRef.Name = account
	bot.Spec.LLM.APIKeySecretRef = spawnv1.SecretKeyReference{Name: "model", Key: "key"}
	if account == c.account {
		bot.Spec.LLM.Provider, bot.Spec.LLM.BaseURL = "custom", "https://north.example/v1"
	}
	bot.Spec.Risk = &spawnv1.Risk{
		MaxPositionSizeBps: ptr.To[int32](100), MaxDailyLossBps: ptr.To[int32](100),
		MaxDrawdownBps: ptr.To[int32](100), MaxTradesPerDay: ptr.To[int32](1),
	}
	return bot
}

// pricesAreKnown waits until the webhook knows what machines cost: until then it leaves their price to the controller.
// A dry run is only warned of what would be refused.
func (c *tenant) pricesAreKnown(t *testing.T) {
	t.Helper()
	var heard warnings
	api := operator.listens(t, &heard)
	eventually(t, "prices are known", soonEnough, func(ctx context.Context) error {
		heard = nil
		bot := c.goodBot(c.account)
		bot.Spec.Machine.Size = "c-2"
		if err := api.Create(ctx, bot, client.DryRunAll); err != nil {
			return err
		}
		if said := strings.Join(heard, "\n"); !strings.Contains(said, `"c-2" costs 62500`) {
			return fmt.Errorf("of a dear Bot it says %q", said)
		}
		return nil
	})
}

func isRefused(t *testing.T, what string, err error, says string) {
	t.Helper()
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("%s is not refused: %v", what, err)
		return
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("the refusal of %s is\n%v\nwant\n%s", what, err, says)
	}
}

// hasSlot checks whether the Account keeps a slot for a Bot.
func hasSlot(t *testing.T, name string, bot *spawnv1.Bot, want bool) {
	t.Helper()
	var account spawnv1.Account
	if err := shared.api.Get(t.Context(), client.ObjectKey{Name: name}, &account); err != nil {
		t.Fatal(err)
	}
	if _, has := account.Status.Slots[slots.KeyOf(bot)]; has != want {
		t.Errorf("a slot for %s: %t, want %t", bot.Name, has, want)
	}
}
