// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options_test

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/options"
)

// environment is the process's environment in a test.
type environment map[string]string

func (e environment) lookup(key string) (string, bool) {
	value, ok := e[key]
	return value, ok
}

// parse is parseAlone with a gateway, which every manager needs.
func parse(env environment, args ...string) (options.Manager, string, error) {
	return parseAlone(env, append([]string{"--gateway-url=https://gateway.example.com"}, args...)...)
}

// parseAlone reads the manager's settings and gives what was printed.
func parseAlone(env environment, args ...string) (options.Manager, string, error) {
	var out bytes.Buffer
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	fs.SetOutput(&out)
	settings, err := options.ParseManager(args, env.lookup, fs)
	return settings, out.String(), err
}

const tokenFile = "--digitalocean-token-file=/token"

func TestADefaultGivesWayToTheEnvironmentAndThatToAFlag(t *testing.T) {
	got, _, err := parse(nil, tokenFile)
	want := options.Manager{
		DigitalOceanTokenFile: "/token", DigitalOceanCallsPerMinute: 200, SettleWindow: 5 * time.Minute,
		InventoryInterval: 30 * time.Second, ShutdownGrace: 2 * time.Minute, OrphanMinAge: time.Hour, OrphanSightings: 3,
		LeaderElectionNamespace: "open-spawn-system", MetricsBindAddress: ":8080", HealthProbeBindAddress: ":8081",
		WebhookBindAddress: ":9443", LogLevel: "info", DeliveryNamespace: "open-spawn-delivery",
		GatewayURLs: []string{"https://gateway.example.com"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("defaults %+v, %v, want %+v", got, err, want)
	}

	env := environment{
		"OPENSPAWN_FLEET_ID": "from-env", "OPENSPAWN_LOG_LEVEL": "debug", "OPENSPAWN_SETTLE_WINDOW": "10s",
		"OPENSPAWN_DIGITALOCEAN_TOKEN_FILE": "/from-env", "OPENSPAWN_LEADER_ELECT": "true", "FLEET_ID": "somebody's",
		"OPENSPAWN_WATCH_NAMESPACES": " one, two ,,three", "OPENSPAWN_INVENTORY_INTERVAL": "1m",
		"OPENSPAWN_SHUTDOWN_GRACE": "0", "OPENSPAWN_ORPHAN_POLICY": "Report", "OPENSPAWN_ORPHAN_SIGHTINGS": "4",
		"OPENSPAWN_SSH_CIDRS": "203.0.113.0/24, 2001:db8::1", "OPENSPAWN_EXTRA_EGRESS": "udp:53",
		"OPENSPAWN_WEBHOOK_BIND_ADDRESS": "127.0.0.1:1", "OPENSPAWN_WEBHOOK_HOSTS": "localhost, a.example.com",
	}
	got, _, err = parse(env, "--fleet-id=from-flag", "--settle-window", "20s", "-metrics-bind-address=0",
		"--orphan-policy=Delete", "--orphan-min-age=0", "--extra-egress=tcp:9000-9100:198.51.100.0/24",
		"--digitalocean-calls-per-minute=20", "--new-fleet", "--take-over", "--gateway-ca-file=/ca.pem",
		"--agent-dir=/agents",
		"--require-droplet-address")
	want = options.Manager{
		DigitalOceanTokenFile: "/from-env", FleetID: "from-flag", SettleWindow: 20 * time.Second, LogLevel: "debug",
		DeliveryNamespace: "open-spawn-delivery", GatewayURLs: []string{"https://gateway.example.com"},
		GatewayCAFile: "/ca.pem", AgentDir: "/agents", RequireDropletAddress: true,
		LeaderElect: true, LeaderElectionNamespace: "open-spawn-system", WatchNamespaces: []string{"one", "two", "three"},
		MetricsBindAddress: "0", HealthProbeBindAddress: ":8081", DigitalOceanCallsPerMinute: 20,
		InventoryInterval: time.Minute, OrphanPolicy: options.OrphanDelete, OrphanSightings: 4,
		SSHCIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128")},
		ExtraEgress: []options.Egress{
			{Protocol: "tcp", Ports: "9000-9100", Network: netip.MustParsePrefix("198.51.100.0/24")},
		},
		NewFleet: true, TakeOver: true,
		WebhookBindAddress: "127.0.0.1:1", WebhookHosts: []string{"localhost", "a.example.com"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestABadSettingIsOneLineThatNamesTheFlag(t *testing.T) {
	type mistake struct {
		env  environment
		args []string
		want []string
	}
	bad := func(arg string, want ...string) mistake { return mistake{args: []string{tokenFile, arg}, want: want} }
	for name, test := range map[string]mistake{
		"no token file":                   {want: []string{"--digitalocean-token-file"}},
		"a URL without a scheme":          bad("--digitalocean-url=localhost", "--digitalocean-url"),
		"a URL of another scheme":         bad("--digitalocean-url=ftp://host", "--digitalocean-url"),
		"a URL that is none":              bad("--digitalocean-url=http://a b\x00", "--digitalocean-url"),
		"a fleet id with a colon":         bad("--fleet-id=a:b", "--fleet-id", "a:b"),
		"a fleet id that is too long":     bad("--fleet-id="+strings.Repeat("x", 65), "--fleet-id"),
		"a fleet id of two lines":         bad("--fleet-id=a\nb", "--fleet-id"),
		"a settle window that is no time": bad("--settle-window=soon", "-settle-window", "soon"),
		"a settle window that is short":   bad("--settle-window=1ms", "--settle-window", "1ms"),
		"a settle window below nothing":   bad("--settle-window=-5m", "--settle-window"),
		"a log level":                     bad("--log-level=loud", "--log-level", "loud"),
		"a namespace":                     bad("--watch-namespaces=one,Two", "--watch-namespaces", "Two"),
		"a leader's namespace":            bad("--leader-election-namespace=", "--leader-election-namespace"),
		"neither true nor false":          bad("--leader-elect=maybe", "-leader-elect", "maybe"),
		"too few calls":                   bad("--digitalocean-calls-per-minute=19", "--digitalocean-calls-per-minute", "19"),
		"calls that are no number":        bad("--digitalocean-calls-per-minute=few", "-digitalocean-calls-per-minute"),
		"an inventory without rest":       bad("--inventory-interval=99ms", "--inventory-interval", "99ms"),
		"an inventory of no time":         bad("--inventory-interval=30", "-inventory-interval"),
		"a grace below nothing":           bad("--shutdown-grace=-1s", "--shutdown-grace", "-1s"),
		"an orphan policy":                bad("--orphan-policy=delete", "--orphan-policy", "delete", "Delete", "Report"),
		"an orphan's age below nothing":   bad("--orphan-min-age=-1h", "--orphan-min-age"),
		"no sightings of an orphan":       bad("--orphan-sightings=0", "--orphan-sightings", "0"),
		"neither a new fleet nor an old":  bad("--new-fleet=perhaps", "-new-fleet"),
		"a host that is an address":       bad("--webhook-hosts=localhost,127.0.0.1", "--webhook-hosts", "127.0.0.1"),
		"a host with a port":              bad("--webhook-hosts=localhost:443", "--webhook-hosts", "localhost:443"),
		"an SSH network":                  bad("--ssh-cidrs=10.0.0.0/8,office", "--ssh-cidrs", "office"),
		"extra egress":                    bad("--extra-egress=tcp:443,icmp:1", "--extra-egress", "icmp:1"),
		"an unknown flag":                 bad("--fleet=x", "-fleet"),
		"a flag without its value":        bad("--fleet-id", "-fleet-id"),
		"an argument": {
			args: []string{tokenFile, "--leader-elect", "true"}, want: []string{`"true"`, "--flag=value"},
		},
		"a variable": {
			env: environment{"OPENSPAWN_SETTLE_WINDOW": "soon\nor late"}, args: []string{tokenFile},
			want: []string{"--settle-window", "OPENSPAWN_SETTLE_WINDOW", "soon"},
		},
		"a variable, though a flag overrides it": {
			env: environment{"OPENSPAWN_LEADER_ELECT": "maybe"}, args: []string{tokenFile, "--leader-elect=false"},
			want: []string{"--leader-elect", "OPENSPAWN_LEADER_ELECT"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, printed, err := parse(test.env, test.args...)
			if err == nil || strings.Contains(err.Error(), "\n") || printed != "" {
				t.Fatalf("error %q and output %q, want one line and no output", err, printed)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestHelpNamesEveryFlagWithItsVariable(t *testing.T) {
	_, printed, err := parse(environment{"OPENSPAWN_FLEET_ID": "x"}, "--help")
	if !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("error %v, want the request for help", err)
	}
	for _, part := range []string{
		"manager", "--digitalocean-token-file", "OPENSPAWN_DIGITALOCEAN_TOKEN_FILE", "--log-level", "OPENSPAWN_LOG_LEVEL",
		"--settle-window", `"5m0s"`,
	} {
		if !strings.Contains(printed, part) {
			t.Errorf("help does not tell %q:\n%s", part, printed)
		}
	}
}

func TestCRIT006_TheGatewayHasToBeNamedAndIsCalledOverTLSOnly(t *testing.T) {
	for name, test := range map[string]struct {
		env  environment
		args []string
		want []string
	}{
		"none":       {nil, nil, nil},
		"empty":      {nil, []string{"--gateway-url= ,"}, nil},
		"http":       {nil, []string{"--gateway-url=http://gateway.example.com"}, nil},
		"no scheme":  {nil, []string{"--gateway-url=gateway.example.com"}, nil},
		"no host":    {nil, []string{"--gateway-url=https://"}, nil},
		"a password": {nil, []string{"--gateway-url=https://me:word@gateway.example.com"}, nil},
		"one of two": {nil, []string{"--gateway-url=https://a.example,http://b.example"}, nil},
		"one":        {nil, []string{"--gateway-url=https://a.example"}, []string{"https://a.example"}},
		"two": {
			nil, []string{"--gateway-url=https://a.example, https://b.example:8443"},
			[]string{"https://a.example", "https://b.example:8443"},
		},
		"the other way": {environment{"OPENSPAWN_GATEWAY_URL": "https://a.example"}, nil, []string{"https://a.example"}},
	} {
		got, _, err := parseAlone(test.env, append([]string{tokenFile}, test.args...)...)
		if test.want == nil {
			if err == nil || !strings.HasPrefix(err.Error(), "--gateway-url") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want one line that names the flag", name, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got.GatewayURLs, test.want) {
			t.Errorf("%s: %v, %v", name, got.GatewayURLs, err)
		}
	}
	if _, _, err := parse(nil, tokenFile, "--delivery-namespace=No"); err == nil ||
		!strings.HasPrefix(err.Error(), "--delivery-namespace") {
		t.Errorf("a delivery namespace that is none: %v", err)
	}
}
