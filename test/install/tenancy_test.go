// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/certs"
)

const (
	tenancyDir = samplesDir + "/tenancy"
	north      = "tenant-north"
	south      = "tenant-south"
)

// person is somebody as the cluster's login tells of them.
type person struct {
	name, group string
}

var (
	platform = person{"pat", "platform-team"}
	operator = person{"olga", "north-operators"}
	viewer   = person{"vera", "north-viewers"}
	editor   = person{"ed", "north-editors"} // bound to the cluster's own role edit
	owner    = person{"ada", "north-owners"} // bound to the cluster's own role admin
)

// tenants are all who belong to tenant north.
var tenants = []person{operator, viewer, editor, owner}

func (p person) client(t *testing.T) client.Client {
	t.Helper()
	config := cluster.plane.Config()
	config.Impersonate.UserName = p.name
	config.Impersonate.Groups = []string{p.group, "system:authenticated"}
	boss, _ := admin(t)
	api, err := client.New(config, client.Options{Scheme: boss.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// withTenants applies the samples of a two-tenant installation as an administrator, and binds the cluster's own
// roles edit and admin in one of them. No manager runs, so nothing but RBAC and the schema refuses anything here.
func withTenants(t *testing.T) client.Client {
	t.Helper()
	withManager(t)
	withoutWebhooks(t)
	api, _ := admin(t)
	kubectl(t, "apply", "--server-side", "-k", tenancyDir)
	kubectl(t, "apply", "--server-side", "-k", tenancyDir) // a second time changes nothing and conflicts with nothing
	for role, who := range map[string]person{"edit": editor, "admin": owner} {
		if err := api.Create(t.Context(), newBinding(role, who)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := cluster.plane.Kubectl(ctx, "delete", "--ignore-not-found", waitTimeout, "-k", tenancyDir); err != nil {
			t.Error(err)
		}
	})
	return api
}

// newBinding gives somebody a ClusterRole in tenant north.
func newBinding(role string, who person) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: north, Name: who.group},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: who.group}},
	}
}

// try is one thing that somebody tries.
type try struct {
	who  person
	what string
	do   func(ctx context.Context, api client.Client) error
}

func TestCRIT002_TenantsCannotTouchWhatLimitsThem(t *testing.T) {
	boss := withTenants(t)
	awaitAggregation(t)
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Namespace: north, Name: "pilot-0123456789abc"},
		Spec: spawnv1.DropletSpec{
			BotRef: spawnv1.BotReference{Name: "pilot"}, Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64",
			Backups: spawnv1.SwitchDisabled, Monitoring: spawnv1.SwitchEnabled, IPv6: spawnv1.SwitchDisabled,
			PowerState: spawnv1.PowerOn, DeletionPolicy: spawnv1.DeletionPolicyDelete,
		},
	}
	if err := boss.Create(t.Context(), droplet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = boss.Delete(context.WithoutCancel(t.Context()), droplet) })
	for _, try := range slices.Concat(forbidden(droplet), takeovers(droplet), escalations()) {
		err := try.do(t.Context(), try.who.client(t))
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s of %s %s: %v, want a refusal", try.who.name, try.who.group, try.what, err)
		}
	}
	var account spawnv1.Account
	if err := boss.Get(t.Context(), client.ObjectKey{Name: "north"}, &account); err != nil {
		t.Fatal(err)
	}
	if len(account.Status.Slots) > 0 || account.Spec.Tier != spawnv1.AccountTierBasic {
		t.Errorf("the Account is %+v", account)
	}
}

// forbidden is all that must be refused to somebody.
func forbidden(droplet *spawnv1.Droplet) []try {
	merge := func(object client.Object, patch string) func(context.Context, client.Client) error {
		return func(ctx context.Context, api client.Client) error {
			copied, _ := object.DeepCopyObject().(client.Object)
			return api.Patch(ctx, copied, client.RawPatch(types.MergePatchType, []byte(patch)))
		}
	}
	mergeStatus := func(object client.Object, patch string) func(context.Context, client.Client) error {
		return func(ctx context.Context, api client.Client) error {
			copied, _ := object.DeepCopyObject().(client.Object)
			return api.Status().Patch(ctx, copied, client.RawPatch(types.MergePatchType, []byte(patch)))
		}
	}
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "north"}}
	pilot := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: north, Name: "pilot"}}
	forged := `{"status":{"slots":{"tenant-north/pilot":{"uid":"mine","reservedAt":"2026-01-01T00:00:00Z"}}}}`
	var tries []try
	for _, who := range tenants {
		tries = append(tries,
			try{who, "forges a slot", mergeStatus(account, forged)},
			try{who, "raises its own tier", merge(account, `{"spec":{"tier":"Pro"}}`)},
			try{who, "raises its own maxBots", merge(account, `{"spec":{"maxBots":100}}`)},
			try{who, "deletes its Account", func(ctx context.Context, api client.Client) error {
				return api.Delete(ctx, account.DeepCopy())
			}},
			try{who, "adds an Account", func(ctx context.Context, api client.Client) error {
				return api.Create(ctx, &spawnv1.Account{
					ObjectMeta: metav1.ObjectMeta{Name: "mine"},
					Spec:       spawnv1.AccountSpec{ExternalID: "mine", Tier: spawnv1.AccountTierPro},
				})
			}},
			try{who, "creates a Droplet", func(ctx context.Context, api client.Client) error {
				mine := droplet.DeepCopy()
				mine.ObjectMeta = metav1.ObjectMeta{Namespace: north, Name: "pilot-aaaaaaaaaaaaa"}
				return api.Create(ctx, mine)
			}},
			try{who, "changes a Droplet", merge(droplet, `{"spec":{"size":"s-8vcpu-16gb"}}`)},
			try{who, "confirms a destruction", merge(droplet,
				`{"metadata":{"annotations":{"spawn.cedros.io/abandon-instance":"1"}}}`)},
			try{who, "takes the finalizer off a Droplet", merge(droplet, `{"metadata":{"finalizers":null}}`)},
			try{who, "deletes a Droplet", func(ctx context.Context, api client.Client) error {
				return api.Delete(ctx, droplet.DeepCopy())
			}},
			try{who, "writes the status of a Bot", mergeStatus(pilot, `{"status":{"dropletName":"pilot-0123456789abc"}}`)},
			try{who, "writes the status of a Droplet", mergeStatus(droplet, `{"status":{"instanceID":1}}`)},
			try{who, "reads another tenant's Bots", func(ctx context.Context, api client.Client) error {
				return api.List(ctx, &spawnv1.BotList{}, client.InNamespace(south))
			}},
			try{who, "reads another tenant's Secret", func(ctx context.Context, api client.Client) error {
				return api.Get(ctx, client.ObjectKey{Namespace: south, Name: "model"}, &corev1.Secret{})
			}},
			try{who, "creates a Bot in another tenant's namespace", func(ctx context.Context, api client.Client) error {
				return api.Create(ctx, newBot(south, "intruder"))
			}},
			try{who, "reads every Account", func(ctx context.Context, api client.Client) error {
				return api.List(ctx, &spawnv1.AccountList{})
			}},
		)
	}
	return append(tries,
		try{operator, "reads a Secret of its own namespace", func(ctx context.Context, api client.Client) error {
			return api.Get(ctx, client.ObjectKey{Namespace: north, Name: "model"}, &corev1.Secret{})
		}},
		try{viewer, "creates a Bot", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBot(north, "unwanted"))
		}},
		try{viewer, "pauses a Bot", merge(pilot, `{"spec":{"desiredState":"Paused"}}`)},
		try{platform, "forges a slot", mergeStatus(account, forged)},
		try{platform, "creates a Bot", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBot(north, "unwanted"))
		}},
		try{platform, "creates a Droplet", func(ctx context.Context, api client.Client) error {
			mine := droplet.DeepCopy()
			mine.ObjectMeta = metav1.ObjectMeta{Namespace: north, Name: "pilot-bbbbbbbbbbbbb"}
			return api.Create(ctx, mine)
		}},
	)
}

// takeovers are other ways to the same: by other verbs, for many objects at once, and by way of the manager.
func takeovers(droplet *spawnv1.Droplet) (tries []try) {
	account := &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: "north", ResourceVersion: "1"},
		Spec:       spawnv1.AccountSpec{ExternalID: "tenant-north", Tier: spawnv1.AccountTierPro},
	}
	pilot := newBot(north, "pilot")
	pilot.ResourceVersion = "1"
	updates := func(object client.Object) func(context.Context, client.Client) error {
		return func(ctx context.Context, api client.Client) error {
			copied, _ := object.DeepCopyObject().(client.Object)
			return api.Status().Update(ctx, copied)
		}
	}
	for _, who := range tenants {
		tries = append(tries,
			try{who, "updates the slots of its Account", updates(account)},
			try{who, "updates the status of a Bot", updates(pilot)},
			try{who, "updates the status of a Droplet", updates(droplet)},
			try{who, "updates its Account", func(ctx context.Context, api client.Client) error {
				return api.Update(ctx, account.DeepCopy())
			}},
			try{who, "has another's Account list its namespace", func(ctx context.Context, api client.Client) error {
				return api.Patch(ctx, &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "south"}},
					client.RawPatch(types.MergePatchType, []byte(`{"spec":{"namespaces":["tenant-north","tenant-south"]}}`)))
			}},
			try{who, "updates a Droplet", func(ctx context.Context, api client.Client) error {
				return api.Update(ctx, droplet.DeepCopy())
			}},
			try{who, "deletes every Droplet", func(ctx context.Context, api client.Client) error {
				return api.DeleteAllOf(ctx, &spawnv1.Droplet{}, client.InNamespace(north))
			}},
			try{who, "deletes every Account", func(ctx context.Context, api client.Client) error {
				return api.DeleteAllOf(ctx, &spawnv1.Account{})
			}},
			try{who, "asks for a token of the manager", func(ctx context.Context, api client.Client) error {
				manager := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: managerAccount}}
				return api.SubResource("token").Create(ctx, manager, &authenticationv1.TokenRequest{})
			}},
			try{who, "reads a Secret of the manager", func(ctx context.Context, api client.Client) error {
				return api.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: certs.SecretName}, &corev1.Secret{})
			}},
			try{who, "removes the webhooks", func(ctx context.Context, api client.Client) error {
				return api.Delete(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{
					ObjectMeta: metav1.ObjectMeta{Name: webhooksName},
				})
			}},
		)
	}
	return tries
}

// escalations are what the admin of a namespace tries, who may write Roles and RoleBindings there.
func escalations() []try {
	grants := func(resource string) func(context.Context, client.Client) error {
		return func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, &rbacv1.Role{
				ObjectMeta: metav1.ObjectMeta{Namespace: north, Name: "more"},
				Rules: []rbacv1.PolicyRule{{
					APIGroups: []string{spawnv1.GroupName}, Resources: []string{resource}, Verbs: []string{"create", "patch"},
				}},
			})
		}
	}
	return []try{
		{owner, "grants itself Droplets", grants("droplets")},
		{owner, "grants itself the status of Droplets", grants("droplets/status")},
		{owner, "grants itself the status of Bots", grants("bots/status")},
		{owner, "grants itself everything of ours", grants("*")},
		{owner, "grants itself the manager's role", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBinding("open-spawn-manager", person{owner.name, "more"}))
		}},
		{owner, "grants itself the platform's role", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBinding("open-spawn-account-admin", person{owner.name, "more"}))
		}},
	}
}

// Whoever may write a spec sends a status along: it is not stored, and nothing is forged by it.
func TestCRIT002_AStatusThatComesWithASpecIsDropped(t *testing.T) {
	boss := withTenants(t)
	awaitAggregation(t)
	forged := spawnv1.BotStatus{
		DropletName: "pilot-0123456789abc", InstanceID: 1,
		Conditions: []metav1.Condition{{
			Type: spawnv1.AdmittedCondition, Status: metav1.ConditionTrue, Reason: spawnv1.AdmittedReason,
			LastTransitionTime: metav1.Unix(0, 0),
		}},
	}
	for _, who := range []person{operator, editor, owner} {
		bot := newBot(north, "of-"+who.name)
		bot.Status = forged
		if err := who.client(t).Create(t.Context(), bot); err != nil {
			t.Fatal(err)
		}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"dropletName":"pilot-0123456789abc"}}`))
		if err := who.client(t).Patch(t.Context(), bot, patch); err != nil {
			t.Fatal(err)
		}
		if err := boss.Get(t.Context(), client.ObjectKeyFromObject(bot), bot); err != nil {
			t.Fatal(err)
		}
		if bot.Status.DropletName != "" || bot.Status.InstanceID != 0 || len(bot.Status.Conditions) > 0 {
			t.Errorf("%s of %s has a Bot with status %+v", who.name, who.group, bot.Status)
		}
	}
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "north"}}
	patch := client.RawPatch(types.MergePatchType,
		[]byte(`{"status":{"slots":{"tenant-north/pilot":{"uid":"mine","reservedAt":"2026-01-01T00:00:00Z"}}}}`))
	if err := platform.client(t).Patch(t.Context(), account, patch); err != nil {
		t.Fatal(err)
	}
	if err := boss.Get(t.Context(), client.ObjectKeyFromObject(account), account); err != nil {
		t.Fatal(err)
	}
	if len(account.Status.Slots) > 0 {
		t.Errorf("whoever may write Accounts has forged slots %v", account.Status.Slots)
	}
}

func TestPeopleMayDoTheirWork(t *testing.T) {
	withTenants(t)
	awaitAggregation(t)
	for _, try := range []try{
		{platform, "raises a tier", func(ctx context.Context, api client.Client) error {
			return api.Patch(ctx, &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "north"}},
				client.RawPatch(types.MergePatchType, []byte(`{"spec":{"tier":"Pro"}}`)))
		}},
		{platform, "reads all Droplets", func(ctx context.Context, api client.Client) error {
			return api.List(ctx, &spawnv1.DropletList{})
		}},
		{operator, "creates a Bot", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBot(north, "by-operator"))
		}},
		{operator, "makes a Secret that is open to Bots", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newSecret("made-by-operator"))
		}},
		{operator, "replaces it", func(ctx context.Context, api client.Client) error {
			return api.Update(ctx, newSecret("made-by-operator"))
		}},
		{editor, "creates a Bot", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBot(north, "by-editor"))
		}},
		{editor, "deletes a Bot", func(ctx context.Context, api client.Client) error {
			return api.Delete(ctx, newBot(north, "by-editor"))
		}},
		{owner, "creates a Bot", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBot(north, "by-owner"))
		}},
		{owner, "grants what it has", func(ctx context.Context, api client.Client) error {
			return api.Create(ctx, newBinding("edit", person{owner.name, "north-helpers"}))
		}},
		{editor, "reads Droplets", func(ctx context.Context, api client.Client) error {
			return api.List(ctx, &spawnv1.DropletList{}, client.InNamespace(north))
		}},
		{viewer, "reads Bots", func(ctx context.Context, api client.Client) error {
			return api.List(ctx, &spawnv1.BotList{}, client.InNamespace(north))
		}},
	} {
		if err := try.do(t.Context(), try.who.client(t)); err != nil {
			t.Errorf("%s of %s %s: %v", try.who.name, try.who.group, try.what, err)
		}
	}
}

// A numeric image is a private one, or a snapshot of somebody else.
func TestAPrivateImageIsRefusedByTheSchema(t *testing.T) {
	withTenants(t)
	bot := newBot(north, "borrower")
	bot.Spec.Machine.Image = "63663980"
	if err := operator.client(t).Create(t.Context(), bot); !apierrors.IsInvalid(err) {
		t.Errorf("a Bot with a private image: %v, want it to be invalid", err)
	}
}

func newSecret(name string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: north, Name: name, Labels: map[string]string{spawnv1.BotAccessLabel: "true"},
		},
		StringData: map[string]string{"key": "new"},
	}
}

func newBot(namespace, name string) *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: "north"}, Persona: spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "model", Key: "key"},
			},
		},
	}
}

// awaitAggregation waits until the cluster's own roles have ours in them.
func awaitAggregation(t *testing.T) {
	t.Helper()
	boss, _ := admin(t)
	const patience = 30 * time.Second
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, patience, true,
		func(ctx context.Context) (bool, error) {
			for role, resources := range map[string]int{"view": 1, "edit": 2, "admin": 2} {
				var found rbacv1.ClusterRole
				if err := boss.Get(ctx, client.ObjectKey{Name: role}, &found); err != nil {
					return false, err
				}
				ours := 0
				for _, rule := range found.Rules {
					if len(rule.APIGroups) == 1 && rule.APIGroups[0] == spawnv1.GroupName {
						ours++
					}
				}
				if ours != resources {
					return false, nil
				}
			}
			return true, nil
		})
	if err != nil {
		t.Fatal(fmt.Errorf("roles view, edit and admin do not have ours: %w", err))
	}
}
