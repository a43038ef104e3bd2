// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/policy"
)

const network = "5a4981aa-9653-4bd1-bef5-d6bff52042e4"

// plain is an Account that says nothing but where its Bots may live, and a Bot that says nothing but where it does.
func plain() (*spawnv1.Account, *spawnv1.Bot) {
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	account.Spec.Namespaces, account.Spec.LiveTrading = []string{"desk"}, spawnv1.PermissionForbidden
	bot := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: "desk", Name: "scout"}}
	bot.Spec.Trading.Mode = spawnv1.TradingPaper
	bot.Spec.Machine = spawnv1.Machine{Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64"}
	return account, bot
}

func TestWhatAnAccountForbids(t *testing.T) {
	type row struct {
		edit func(*spawnv1.Account, *spawnv1.Bot)
		want []string // reason field: message
	}
	live := func(_ *spawnv1.Account, b *spawnv1.Bot) { b.Spec.Trading.Mode = spawnv1.TradingLive }
	const endpoint = spawnv1.EndpointNotAllowedReason + " spec.llm.baseURL: "
	for name, test := range map[string]row{
		"nothing": {edit: func(*spawnv1.Account, *spawnv1.Bot) {}},
		"all that is asked for is listed": {edit: func(a *spawnv1.Account, b *spawnv1.Bot) {
			a.Spec.Namespaces = []string{"other", "desk"}
			a.Spec.MachinePolicy = spawnv1.MachinePolicy{
				AllowedRegions: []string{"ams3", "nyc3"}, AllowedSizes: []string{"s-1vcpu-2gb"},
				AllowedImages: []string{"ubuntu-24-04-x64"}, AllowedVPCs: []string{network},
			}
			a.Spec.LLMPolicy.AllowedHosts, b.Spec.LLM.BaseURL = []string{"llm.example.com"}, "https://llm.example.com:8443/v1"
			b.Spec.Machine.VPCUUID = network
		}},
		"the namespace": {
			func(a *spawnv1.Account, _ *spawnv1.Bot) { a.Spec.Namespaces = []string{"desk-2"} },
			[]string{`NamespaceNotAllowed spec.accountRef.name: account "acme" has no bots in namespace "desk"; ` +
				`whoever runs the platform can add it to the account's namespaces`},
		},
		"every namespace": {
			func(a *spawnv1.Account, _ *spawnv1.Bot) { a.Spec.Namespaces = nil },
			[]string{`NamespaceNotAllowed spec.accountRef.name: account "acme" has no bots in namespace "desk"; ` +
				`whoever runs the platform can add it to the account's namespaces`},
		},
		"the region": {
			func(a *spawnv1.Account, _ *spawnv1.Bot) {
				a.Spec.MachinePolicy.AllowedRegions = []string{"ams3", "fra1"}
			},
			[]string{`MachineNotAllowed spec.machine.region: account "acme" does not allow "nyc3"; it allows ams3, fra1`},
		},
		"the size": {
			func(a *spawnv1.Account, _ *spawnv1.Bot) { a.Spec.MachinePolicy.AllowedSizes = []string{"s-1vcpu-1gb"} },
			[]string{`MachineNotAllowed spec.machine.size: account "acme" does not allow "s-1vcpu-2gb"; ` +
				`it allows s-1vcpu-1gb`},
		},
		"the image": {
			func(a *spawnv1.Account, _ *spawnv1.Bot) {
				a.Spec.MachinePolicy.AllowedImages = []string{"debian-12-x64"}
			},
			[]string{`MachineNotAllowed spec.machine.image: account "acme" does not allow "ubuntu-24-04-x64"; ` +
				`it allows debian-12-x64`},
		},
		"every network but the default": {
			func(_ *spawnv1.Account, b *spawnv1.Bot) { b.Spec.Machine.VPCUUID = network },
			[]string{`MachineNotAllowed spec.machine.vpcUUID: account "acme" does not allow "` + network + `"; it allows none`},
		},
		"another network": {
			func(a *spawnv1.Account, b *spawnv1.Bot) {
				a.Spec.MachinePolicy.AllowedVPCs, b.Spec.Machine.VPCUUID = []string{"another"}, network
			},
			[]string{`MachineNotAllowed spec.machine.vpcUUID: account "acme" does not allow "` + network +
				`"; it allows another`},
		},
		"the default network where others are listed": {
			edit: func(a *spawnv1.Account, _ *spawnv1.Bot) { a.Spec.MachinePolicy.AllowedVPCs = []string{network} },
		},
		"real money": {
			live, []string{`LiveTradingForbidden spec.trading.mode: account "acme" does not allow Live trading; use Paper, ` +
				`or have the account's liveTrading set to Allowed`},
		},
		"real money, unsaid": {
			func(a *spawnv1.Account, b *spawnv1.Bot) { live(a, b); a.Spec.LiveTrading = "" },
			[]string{`LiveTradingForbidden spec.trading.mode: account "acme" does not allow Live trading; use Paper, ` +
				`or have the account's liveTrading set to Allowed`},
		},
		"real money, allowed": {
			edit: func(a *spawnv1.Account, b *spawnv1.Bot) { live(a, b); a.Spec.LiveTrading = spawnv1.PermissionAllowed },
		},
		"every endpoint": {
			func(_ *spawnv1.Account, b *spawnv1.Bot) { b.Spec.LLM.BaseURL = "https://llm.example.com/v1" },
			[]string{endpoint + `account "acme" does not allow the host "llm.example.com"; it allows none`},
		},
		"an endpoint under an allowed host": {
			func(a *spawnv1.Account, b *spawnv1.Bot) {
				a.Spec.LLMPolicy.AllowedHosts = []string{"example.com"}
				b.Spec.LLM.BaseURL = "https://evil.example.com"
			},
			[]string{endpoint + `account "acme" does not allow the host "evil.example.com"; it allows example.com`},
		},
		"an endpoint behind a user's name": {
			func(a *spawnv1.Account, b *spawnv1.Bot) {
				a.Spec.LLMPolicy.AllowedHosts = []string{"example.com"}
				b.Spec.LLM.BaseURL = "https://example.com@evil.test/"
			},
			[]string{endpoint + `account "acme" does not allow the host "evil.test"; it allows example.com`},
		},
		"an endpoint that is none": {
			func(_ *spawnv1.Account, b *spawnv1.Bot) { b.Spec.LLM.BaseURL = "https://%zz" },
			[]string{endpoint + `account "acme" does not allow the host "https://%zz"; it allows none`},
		},
		"an endpoint without a host": {
			func(_ *spawnv1.Account, b *spawnv1.Bot) { b.Spec.LLM.BaseURL = "https:///v1" },
			[]string{endpoint + `account "acme" does not allow the host "https:///v1"; it allows none`},
		},
		"several at once": {
			func(a *spawnv1.Account, b *spawnv1.Bot) {
				live(a, b)
				a.Spec.MachinePolicy.AllowedRegions, a.Spec.MachinePolicy.AllowedSizes = []string{"ams3"}, []string{"c-2"}
			},
			[]string{
				`MachineNotAllowed spec.machine.region: account "acme" does not allow "nyc3"; it allows ams3`,
				`MachineNotAllowed spec.machine.size: account "acme" does not allow "s-1vcpu-2gb"; it allows c-2`,
				`LiveTradingForbidden spec.trading.mode: account "acme" does not allow Live trading; use Paper, ` +
					`or have the account's liveTrading set to Allowed`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			account, bot := plain()
			test.edit(account, bot)
			want(t, policy.Check(account, bot), test.want...)
		})
	}
}

// want compares violations, written as their reason and what they say.
func want(t *testing.T, got []policy.Violation, want ...string) {
	t.Helper()
	var said []string
	for _, v := range got {
		said = append(said, v.Reason+" "+v.String())
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestAPriceAboveTheAccountsIsForbidden(t *testing.T) {
	account, _ := plain()
	want(t, policy.CheckPrice(account, "c-2", 1_000_000_000)) // the schema gives it a highest price
	most := int64(17_860)
	account.Spec.MachinePolicy.MaxHourlyMicroUSD = &most
	want(t, policy.CheckPrice(account, "c-2", 0))
	want(t, policy.CheckPrice(account, "c-2", most))
	want(t, policy.CheckPrice(account, "c-2", most+1), `MachineNotAllowed spec.machine.size: "c-2" costs 17861 `+
		`millionths of a US dollar an hour, and account "acme" allows at most 17860`)
	most = 0
	want(t, policy.CheckPrice(account, "c-2", 1), `MachineNotAllowed spec.machine.size: "c-2" costs 1 `+
		`millionths of a US dollar an hour, and account "acme" allows at most 0`)
}

func TestAChangeAnswersForWhatItAdds(t *testing.T) {
	account, before := plain()
	account.Spec.MachinePolicy.AllowedRegions = []string{"ams3"}
	account.Spec.MachinePolicy.AllowedSizes = []string{"c-2"}
	for name, test := range map[string]struct {
		edit func(*spawnv1.Bot)
		want string
	}{
		"nothing":           {func(*spawnv1.Bot) {}, ""},
		"one thing less":    {func(b *spawnv1.Bot) { b.Spec.Machine.Region = "ams3" }, ""},
		"another of a kind": {func(b *spawnv1.Bot) { b.Spec.Machine.Region = "lon1" }, `"lon1"`},
		"one thing more":    {func(b *spawnv1.Bot) { b.Spec.Trading.Mode = spawnv1.TradingLive }, "Live"},
		"one more, one less": {func(b *spawnv1.Bot) {
			b.Spec.Machine.Region, b.Spec.Machine.VPCUUID = "ams3", "net"
		}, "vpcUUID"},
	} {
		t.Run(name, func(t *testing.T) {
			after := before.DeepCopy()
			test.edit(after)
			was, is := policy.Check(account, before), policy.Check(account, after)
			count := len(is)
			added := policy.Added(was, is)
			if (len(added) == 1) != (test.want != "") || !strings.Contains(policy.Messages(added), test.want) {
				t.Errorf("added %v, want %q", added, test.want)
			}
			if len(is) != count || (count > 0 && is[0] == policy.Violation{}) {
				t.Errorf("what was compared has changed: %v", is)
			}
		})
	}
	if added := policy.Added(nil, nil); len(added) != 0 || policy.Messages(added) != "" {
		t.Errorf("added %v", added)
	}
}

func TestMessagesSayEveryFieldOnce(t *testing.T) {
	got := policy.Messages([]policy.Violation{{"A", "spec.a", "is wrong"}, {"B", "spec.b", "is wrong too"}})
	if got != "spec.a: is wrong; spec.b: is wrong too" {
		t.Errorf("messages %q", got)
	}
}
