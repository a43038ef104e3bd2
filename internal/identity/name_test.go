// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/identity"
)

// hostName is what DigitalOcean takes for a name, and what a Droplet object can be called.
var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func TestMED002_AMachineNameIsAHostNameForEveryBot(t *testing.T) {
	for _, bot := range []string{"a", "z9", "a-b", "a--b", strings.Repeat("x", 40), "b" + strings.Repeat("-", 38) + "9"} {
		for _, fleet := range []string{"", "f", "3f6e2f7c-0d3c-4c0e-8a55-6d3b1f0c9b12", "é", strings.Repeat("f", 300)} {
			for _, namespace := range []string{"", "tenant", strings.Repeat("n", 63), "名前"} {
				checkName(t, fleet, namespace, bot)
			}
		}
	}
}

// checkName holds for every valid bot name, whatever the fleet and the namespace are.
func checkName(t *testing.T, fleet, namespace, bot string) {
	t.Helper()
	prefix, name := identity.Prefix(fleet, namespace, bot), identity.NewName(fleet, namespace, bot)
	if !hostName.MatchString(name) || len(name) > 63 {
		t.Errorf("%q is no host name", name)
	}
	suffix, ok := strings.CutPrefix(name, prefix)
	if !ok || len(suffix) != identity.SuffixLength || strings.Contains(suffix, "-") {
		t.Errorf("%q is not the prefix %q and %d letters or digits", name, prefix, identity.SuffixLength)
	}
	if !strings.HasPrefix(prefix, bot+"-") || prefix != identity.Prefix(fleet, namespace, bot) {
		t.Errorf("prefix %q of bot %q", prefix, bot)
	}
}

func TestMED002_PrefixesDoNotMeetByConcatenation(t *testing.T) {
	// Each line is the same text cut in different places.
	for _, parts := range [][][3]string{
		{{"ab", "c", "d"}, {"a", "bc", "d"}, {"a", "b", "d"}, {"", "abc", "d"}, {"abc", "", "d"}},
		{{"1:a", "b", "d"}, {"1", ":ab", "d"}, {"1:a1", ":b", "d"}},
		{{"f", "2:ns1", "d"}, {"f2", ":ns1", "d"}, {"f", "2:ns", "d"}},
	} {
		seen := map[string][3]string{}
		for _, p := range parts {
			prefix := identity.Prefix(p[0], p[1], p[2])
			if other, ok := seen[prefix]; ok {
				t.Errorf("%q and %q have the same prefix %s", p, other, prefix)
			}
			seen[prefix] = p
		}
	}
}

func TestMED002_ANameIsNotTakenForThatOfABotWhoseNameBeginsLikeIt(t *testing.T) {
	prefix := identity.Prefix("f", "tenant", "scout")
	longer := identity.NewName("f", "tenant", prefix)
	suffix, ok := strings.CutPrefix(longer, prefix)
	if !ok || (len(suffix) == identity.SuffixLength && !strings.Contains(suffix, "-")) {
		t.Errorf("%q could be a machine of scout, whose machines are %s and 5 letters or digits", longer, prefix)
	}
}

func TestTheFormatOfNamesAndTagsStays(t *testing.T) {
	// Every instance alive is found by these: a change of the expected values loses the fleet.
	if got := identity.Prefix("3f6e2f7c", "tenant", "scout"); got != "scout-nuunfa34" {
		t.Errorf("prefix %s", got)
	}
	want := []string{"open-spawn", "open-spawn-fleet:3f6e2f7c", "u:desk-7", "u:open-spawn"}
	if got := identity.Tags("3f6e2f7c", []string{"desk-7", "open-spawn"}); !slices.Equal(got, want) {
		t.Errorf("tags %v, want %v", got, want)
	}
	if got := identity.FleetTag("3f6e2f7c"); got != want[1] {
		t.Errorf("fleet tag %s, want %s", got, want[1])
	}
}

func TestMachineNamesHaveAShape(t *testing.T) {
	for _, bot := range []string{"a", "z9", "a-b", "a--b", strings.Repeat("x", 40), "a" + strings.Repeat("-", 38) + "9"} {
		name := identity.NewName("f", "tenant", bot)
		if !identity.HasShape(name) || identity.PrefixOf(name) != identity.Prefix("f", "tenant", bot) {
			t.Errorf("%q is not taken for a machine name", name)
		}
	}
	for _, name := range []string{
		"", "-", "web-1", "scout", "scout-nuunfa34", "scout-nuunfa34aaaa", "scout-nuunfa34aaaaaa", "-nuunfa34aaaaa",
		"9-nuunfa34aaaaa", "Scout-nuunfa34aaaaa", "scout-nuunfa3-aaaaa", "scout-nuunfa18aaaaa", "scout.nuunfa34aaaaa",
		strings.Repeat("x", 41) + "-nuunfa34aaaaa", "pool-3x7k2-a1b2c",
	} {
		if identity.HasShape(name) {
			t.Errorf("%q is taken for a machine name", name)
		}
	}
	if identity.PrefixOf("web") != "" {
		t.Error("a short name has a prefix")
	}
}

func TestNamesOfOneBotDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		seen[identity.NewName("f", "tenant", "scout")] = true
	}
	if len(seen) < 999 { // of 33 million; one collision in a thousand is a wonder, two are a mistake
		t.Errorf("1000 names, only %d different", len(seen))
	}
}

// FuzzName feeds every fleet and namespace and, through botName, every valid bot name.
func FuzzName(f *testing.F) {
	f.Add("3f6e2f7c", "tenant", "scout", "f", "tenant2", "hawk")
	f.Add("ab", "c", "d", "a", "bc", "d")
	f.Add("", "", "", "\xff", "\x00", strings.Repeat("-", 100))
	f.Fuzz(func(t *testing.T, fleet, namespace, raw, otherFleet, otherNamespace, otherRaw string) {
		bot, other := botName(raw), botName(otherRaw)
		checkName(t, fleet, namespace, bot)
		one, two := [3]string{fleet, namespace, bot}, [3]string{otherFleet, otherNamespace, other}
		same := identity.Prefix(fleet, namespace, bot) == identity.Prefix(otherFleet, otherNamespace, other)
		if same != (one == two) {
			t.Errorf("%q and %q: same prefix: %v", one, two, same)
		}
	})
}

// botName makes a name that the API server accepts for a Bot out of anything.
func botName(raw string) string {
	const first, rest = "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789-"
	name := "b"
	for i := range min(len(raw), 40) {
		if i == 0 {
			name = string(first[int(raw[i])%len(first)])
			continue
		}
		name += string(rest[int(raw[i])%len(rest)])
	}
	if name = strings.TrimRight(name, "-"); !regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`).MatchString(name) {
		panic(fmt.Sprintf("botName made %q", name))
	}
	return name
}
