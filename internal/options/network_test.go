// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/options"
)

func TestSSHNetworks(t *testing.T) {
	network := func(items ...string) []netip.Prefix {
		var networks []netip.Prefix
		for _, item := range items {
			networks = append(networks, netip.MustParsePrefix(item))
		}
		return networks
	}
	for list, want := range map[string][]netip.Prefix{
		"":                               nil,
		" , ":                            nil,
		"203.0.113.0/24":                 network("203.0.113.0/24"),
		" 203.0.113.7 ,, 2001:db8::/32,": network("203.0.113.7/32", "2001:db8::/32"),
		"2001:db8::1":                    network("2001:db8::1/128"),
		"0.0.0.0/0,::/0":                 network("0.0.0.0/0", "::/0"),
	} {
		got, _, err := parse(nil, tokenFile, "--ssh-cidrs="+list)
		if err != nil || !reflect.DeepEqual(got.SSHCIDRs, want) {
			t.Errorf("%q: %v, %v, want %v", list, got.SSHCIDRs, err, want)
		}
	}
}

func TestExtraEgress(t *testing.T) {
	for list, want := range map[string][]options.Egress{
		"":            nil,
		"tcp:8443":    {{Protocol: "tcp", Ports: "8443"}},
		"udp:1-65535": {{Protocol: "udp", Ports: "1-65535"}},
		"tcp:22-22:198.51.100.7, udp:443:2001:db8::/32": {
			{Protocol: "tcp", Ports: "22-22", Network: netip.MustParsePrefix("198.51.100.7/32")},
			{Protocol: "udp", Ports: "443", Network: netip.MustParsePrefix("2001:db8::/32")},
		},
	} {
		got, _, err := parse(nil, tokenFile, "--extra-egress="+list)
		if err != nil || !reflect.DeepEqual(got.ExtraEgress, want) {
			t.Errorf("%q: %+v, %v, want %+v", list, got.ExtraEgress, err, want)
		}
	}
}

func TestABadNetworkIsOneLineThatNamesTheFlagAndTheItem(t *testing.T) {
	for flag, items := range map[string][]string{
		"--ssh-cidrs": {
			"office", "203.0.113.0/33", "203.0.113.0/", "/24", "203.0.113", "203.0.113.7/24", "fe80::1%eth0", "fe80::%eth0/64",
			"203.0.113.0-203.0.113.9", "::1/-1", "any", "203.0.113.0/024",
		},
		"--extra-egress": {
			"443", "tcp", "tcp:", "TCP:443", "icmp:1", "tcp:0", "tcp:65536", "tcp:443-80", "tcp:-443", "tcp:443-", "tcp:all",
			"tcp:99999999999999999999", "tcp:443:", "tcp:443:office", "tcp:443:198.51.100.7/24", "tcp:1-2-3", ":443",
			"tcp: 443",
		},
	} {
		for _, item := range items {
			for _, list := range []string{item, "\n" + item} {
				_, printed, err := parse(nil, tokenFile, flag+"="+list)
				if err == nil || printed != "" || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%s=%q: error %v and output %q, want one line and no output", flag, list, err, printed)
				}
				if !strings.HasPrefix(err.Error(), flag) || !strings.Contains(err.Error(), item) {
					t.Errorf("%s=%q: %v, want the flag and the item in it", flag, list, err)
				}
			}
		}
	}
}

func TestABadNetworkOfAVariableNamesTheFlag(t *testing.T) {
	for variable, flag := range map[string]string{
		"OPENSPAWN_SSH_CIDRS": "--ssh-cidrs", "OPENSPAWN_EXTRA_EGRESS": "--extra-egress",
	} {
		if _, _, err := parse(environment{variable: "x\ny"}, tokenFile); err == nil ||
			!strings.HasPrefix(err.Error(), flag) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line that names %s", variable, err, flag)
		}
	}
}
