// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"k8s.io/utils/keymutex"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/scope"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// The paths of the webhooks, as config/webhook has them.
const (
	BotPath     = "/validate-bots"
	AccountPath = "/validate-accounts"
)

const (
	// answerTimeout is below the 5 s that config/webhook gives us, so that who asks gets our words and not a timeout's.
	answerTimeout = 4 * time.Second
	// pricesTimeout is how long the catalogue may take: what it does not know in time, the controller asks again.
	pricesTimeout = 1500 * time.Millisecond
	// turns is how many Accounts' slots may be written at once.
	turns = 64
)

// Prices is what the cloud offers; see catalogue.Catalogue.
type Prices interface {
	// HourlyMicroUSD is the price of a size, 0 when there is no such size.
	HourlyMicroUSD(ctx context.Context, size string) (int64, error)
	// Check is a *catalogue.Refusal when the machine cannot be had.
	Check(ctx context.Context, shape catalogue.Shape) error
}

// Options are what the webhooks need.
type Options struct {
	// Live reads from the API server itself.
	Live client.Reader
	// Book writes slots.
	Book slots.Book
	// Prices is what machines cost; nil means that it is not known.
	Prices Prices
	// Namespaces are those that the manager looks after; none means all.
	Namespaces scope.Namespaces
	// Meters counts the answers; nil means that nobody does.
	Meters *Meters
	// Clock is the time.
	Clock clock.PassiveClock
	// Scheme knows our kinds.
	Scheme *runtime.Scheme
}

// NewBots is the webhook for Bots.
func NewBots(o Options) *webhookadmission.Webhook {
	return o.measured("Bot", webhookadmission.WithValidator(o.Scheme, &bots{Options: o, turns: keymutex.NewHashed(turns)}))
}

// NewAccounts is the webhook for Accounts.
func NewAccounts(o Options) *webhookadmission.Webhook {
	return o.measured("Account", webhookadmission.WithValidator(o.Scheme, &accounts{o.Live, o.Namespaces}))
}

// Register adds both webhooks to a server.
func Register(server webhook.Server, o Options) {
	server.Register(BotPath, NewBots(o))
	server.Register(AccountPath, NewAccounts(o))
}

// isDryRun tells whether what is judged will not be written.
func isDryRun(ctx context.Context) bool {
	request, err := webhookadmission.RequestFromContext(ctx)
	return err == nil && request.DryRun != nil && *request.DryRun
}
