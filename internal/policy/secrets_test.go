// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/policy"
)

var reference = reflect.TypeFor[spawnv1.SecretKeyReference]()

// fill gives every reference to a Secret that a value can hold a name of its own, by the path of its field, with one
// item in every list.
func fill(v reflect.Value, path string, names map[string]string) {
	switch {
	case v.Type() == reference:
		name := fmt.Sprintf("secret-%d", len(names))
		v.FieldByName("Name").SetString(name)
		v.FieldByName("Key").SetString("key-of-" + name)
		names[name] = path
	case v.Kind() == reflect.Struct && strings.HasPrefix(v.Type().PkgPath(), "github.com/cedros-io"):
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+strings.Split(v.Type().Field(i).Tag.Get("json"), ",")[0], names)
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, names)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path+"[]", names)
	case v.Kind() == reflect.Map && strings.Contains(v.Type().String(), "SecretKeyReference"):
		panic(path + " is a map of references, which this test does not know")
	}
}

// TestNoReferenceToASecretIsForgotten: a field that is added to a Bot and not to SecretsOf would let a tenant read any
// Secret of the namespace.
func TestNoReferenceToASecretIsForgotten(t *testing.T) {
	bot, names := &spawnv1.Bot{}, map[string]string{}
	fill(reflect.ValueOf(&bot.Spec).Elem(), "spec", names)
	if len(names) < 4 {
		t.Fatalf("a Bot names Secrets at %v, and at more places than that", names)
	}
	bot.Spec.Credentials[0].Name, bot.Spec.Channels[0].Type = "EXCHANGE_KEY", spawnv1.ChannelSlack
	uses := policy.SecretsOf(bot)
	for _, use := range uses {
		field := strings.NewReplacer("[EXCHANGE_KEY]", "[]", "[Slack]", "[]").Replace(use.Field)
		if names[use.Ref.Name] != field || use.Ref.Key != "key-of-"+use.Ref.Name {
			t.Errorf("%+v is said to be at %s, and is at %s", use.Ref, use.Field, names[use.Ref.Name])
		}
		delete(names, use.Ref.Name)
	}
	for name, path := range names {
		t.Errorf("%s, such as %s, is not among the Secrets of a Bot", path, name)
	}
}

func TestTheSecretsOfABotAreInTheOrderOfTheirNames(t *testing.T) {
	bot := &spawnv1.Bot{}
	ref := func(name string) spawnv1.SecretKeyReference { return spawnv1.SecretKeyReference{Name: name, Key: "k"} }
	bot.Spec.LLM.APIKeySecretRef = ref("b")
	bot.Spec.Credentials = []spawnv1.Credential{{Name: "A", SecretRef: ref("b")}, {Name: "B", SecretRef: ref("a")}}
	app := ref("0")
	bot.Spec.Channels = []spawnv1.Channel{
		{Type: spawnv1.ChannelTelegram, TokenSecretRef: ref("c")},
		{Type: spawnv1.ChannelSlack, TokenSecretRef: ref("a"), AppTokenSecretRef: &app},
	}
	var got []string
	for _, use := range policy.SecretsOf(bot) {
		got = append(got, use.Ref.Name+" "+use.Field)
	}
	want := []string{
		"0 spec.channels[Slack].appTokenSecretRef", "a spec.credentials[B].secretRef",
		"a spec.channels[Slack].tokenSecretRef", "b spec.llm.apiKeySecretRef", "b spec.credentials[A].secretRef",
		"c spec.channels[Telegram].tokenSecretRef",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestOnlyAnOpaqueSecretWithTheLabelIsOpenToBots(t *testing.T) {
	const closed = `SecretNotAllowed spec.llm.apiKeySecretRef: Secret "llm" is not open to bots; whoever owns it can ` +
		`open it with: kubectl label -n desk secret llm spawn.cedros.io/bot-access=true`
	use := policy.SecretUse{Field: "spec.llm.apiKeySecretRef"}
	labels := func(value string) map[string]string { return map[string]string{spawnv1.BotAccessLabel: value} }
	for name, test := range map[string]struct {
		labels map[string]string
		kind   corev1.SecretType
		want   []string
	}{
		"open":              {labels("true"), corev1.SecretTypeOpaque, nil},
		"no label":          {nil, corev1.SecretTypeOpaque, []string{closed}},
		"another label":     {map[string]string{"bot-access": "true"}, corev1.SecretTypeOpaque, []string{closed}},
		"false":             {labels("false"), corev1.SecretTypeOpaque, []string{closed}},
		"True":              {labels("True"), corev1.SecretTypeOpaque, []string{closed}},
		"empty":             {labels(""), corev1.SecretTypeOpaque, []string{closed}},
		"both are the case": {nil, corev1.SecretTypeServiceAccountToken, []string{closed}},
		"of another type": {labels("true"), corev1.SecretTypeServiceAccountToken, []string{
			`SecretNotAllowed spec.llm.apiKeySecretRef: Secret "llm" is of type kubernetes.io/service-account-token, ` +
				`and bots read Secrets of type Opaque only`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "desk", Name: "llm", Labels: test.labels}, Type: test.kind,
			}
			want(t, policy.CheckSecret(secret, use), test.want...)
		})
	}
}
