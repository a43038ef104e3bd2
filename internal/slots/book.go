// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

var (
	// ErrFull means that the Account's limit is reached: the API server has refused one slot more.
	ErrFull = errors.New("the account has no slot left")
	// ErrChanged means that the slots are not any more what they were read as: read again.
	ErrChanged = errors.New("the account's slots have changed")
)

// Book writes slots. It is safe for concurrent use.
type Book struct {
	// Client writes to the API server.
	Client client.Client
	// Clock is the time that slots are stamped with.
	Clock clock.PassiveClock
}

// Reserve takes a slot for a Bot that is about to be created, and returns the Account as it is with it. A slot that is
// there already is stamped anew. ErrFull when there is none left; a NotFound when there is no such Account.
func (b Book) Reserve(ctx context.Context, account string, bot types.NamespacedName) (*spawnv1.Account, error) {
	return b.grow(ctx, account, bot, map[string]any{"reservedAt": b.stamp()})
}

// Take takes a slot for a Bot that exists, or binds the one that is there to it.
func (b Book) Take(ctx context.Context, account string, bot *spawnv1.Bot) (*spawnv1.Account, error) {
	slot := map[string]any{"reservedAt": b.stamp(), "uid": string(bot.UID)}
	return b.grow(ctx, account, client.ObjectKeyFromObject(bot), slot)
}

// Bind binds to the Bot the slot that the Account was read with. ErrChanged when it is another by now.
func (b Book) Bind(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) error {
	key := KeyOf(bot)
	slot, taken := account.Status.Slots[key]
	if !taken {
		return fmt.Errorf("binding slot %s of account %q: %w", key, account.Name, ErrChanged)
	}
	bound := slot
	bound.UID = string(bot.UID)
	return b.change(ctx, account.Name, key, []operation{test(key, slot), {Op: "replace", Path: path(key), Value: bound}})
}

// Release gives back the slot of a Bot whose machine is gone. A slot that is not the Bot's, or is gone, is left as it
// is, and so is an Account that does not exist: then it is done too.
func (b Book) Release(ctx context.Context, account string, bot *spawnv1.Bot) error {
	key := KeyOf(bot)
	err := b.change(ctx, account, key, []operation{
		{Op: "test", Path: path(key) + "/uid", Value: string(bot.UID)}, {Op: "remove", Path: path(key)},
	})
	if errors.Is(err, ErrChanged) {
		return nil
	}
	return client.IgnoreNotFound(err)
}

// Remove takes away the slot that the Account was read with. ErrChanged when it is another by now; an Account that
// does not exist has none.
func (b Book) Remove(ctx context.Context, account *spawnv1.Account, key string) error {
	err := b.change(ctx, account.Name, key, []operation{
		test(key, account.Status.Slots[key]), {Op: "remove", Path: path(key)},
	})
	return client.IgnoreNotFound(err)
}

// grow is a merge patch without resourceVersion: the API server applies it to what is there, and judges the outcome,
// in one transaction.
func (b Book) grow(
	ctx context.Context, name string, bot types.NamespacedName, slot map[string]any,
) (*spawnv1.Account, error) {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"slots": map[string]any{Key(bot): slot}}})
	if err != nil {
		return nil, err
	}
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
	err = b.Client.Status().Patch(ctx, account, client.RawPatch(types.MergePatchType, patch))
	if isLimit(err) {
		err = ErrFull
	}
	if err != nil {
		return nil, fmt.Errorf("taking slot %s of account %q: %w", Key(bot), name, err)
	}
	return account, nil
}

// change is a JSON patch, which begins with a test of what was read.
func (b Book) change(ctx context.Context, name, key string, operations []operation) error {
	patch, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
	err = b.Client.Status().Patch(ctx, account, client.RawPatch(types.JSONPatchType, patch))
	if hasCode(err, http.StatusUnprocessableEntity) && len(causesOf(err)) == 0 {
		err = ErrChanged // the test failed, or what it is of is not there; what the schema refuses has a cause
	}
	if err != nil {
		return fmt.Errorf("changing slot %s of account %q: %w", key, name, err)
	}
	return nil
}

// stamp is to the second, as the API keeps it.
func (b Book) stamp() metav1.Time { return metav1.NewTime(b.Clock.Now()).Rfc3339Copy() }

// operation is one of a JSON patch, as RFC 6902 has it.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func test(key string, slot spawnv1.Slot) operation {
	return operation{Op: "test", Path: path(key), Value: slot}
}

func path(key string) string {
	return "/status/slots/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// isLimit tells the one refusal that means the limit from every other: that of the rule on the slots.
func isLimit(err error) bool {
	return hasCode(err, http.StatusUnprocessableEntity) &&
		slices.ContainsFunc(causesOf(err), func(cause metav1.StatusCause) bool {
			return cause.Type == metav1.CauseType("FieldValueForbidden") && cause.Field == "status.slots"
		})
}

// causesOf are the fields that the API server refuses, and why.
func causesOf(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

func hasCode(err error, code int32) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code == code
}
