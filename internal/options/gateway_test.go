// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options_test

import (
	"bytes"
	"flag"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/options"
)

// parseGateway reads the gateway's settings and gives what was printed.
func parseGateway(env environment, args ...string) (options.Gateway, string, error) {
	var out bytes.Buffer
	fs := flag.NewFlagSet("gateway", flag.ContinueOnError)
	fs.SetOutput(&out)
	settings, err := options.ParseGateway(args, env.lookup, fs)
	return settings, out.String(), err
}

var certificateFiles = []string{"--tls-cert-file=/tls.crt", "--tls-key-file=/tls.key"}

func TestTheGatewaysSettings(t *testing.T) {
	want := options.Gateway{
		DeliveryNamespace: "open-spawn-delivery", Listen: ":8443", TLSCertFile: "/tls.crt", TLSKeyFile: "/tls.key",
		LeaseWritesPerSecond: 50, MaxWatches: 20000, DrainDelay: 10 * time.Second, MetricsBindAddress: ":8080",
		HealthProbeBindAddress: ":8081", LogLevel: "info",
	}
	if got, _, err := parseGateway(nil, certificateFiles...); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("by default %+v (%v), want %+v", got, err, want)
	}
	want = options.Gateway{
		Kubeconfig: "/config", Name: "gateway-1", DeliveryNamespace: "delivery", Listen: "127.0.0.1:0",
		TLSCertFile: "/tls.crt", TLSKeyFile: "/tls.key", AgentDir: "/agents", LeaseWritesPerSecond: 0.5, MaxWatches: 10,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")},
		DrainDelay:     time.Second, MetricsBindAddress: "0", HealthProbeBindAddress: "0", LogLevel: "debug",
	}
	got, _, err := parseGateway(environment{
		"OPENSPAWN_DELIVERY_NAMESPACE": "delivery", "OPENSPAWN_MAX_WATCHES": "10", "OPENSPAWN_NAME": "gateway-1",
		"OPENSPAWN_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1", "OPENSPAWN_LOG_LEVEL": "error",
	}, append(certificateFiles, "--kubeconfig=/config", "--listen=127.0.0.1:0", "--agent-dir=/agents",
		"--lease-writes-per-second=0.5", "--drain-delay=1s", "--metrics-bind-address=0",
		"--health-probe-bind-address=0", "--log-level=debug")...)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
}

func TestABadSettingOfTheGatewayIsOneLineThatNamesTheFlag(t *testing.T) {
	for i, name := range []string{"--tls-key-file", "--tls-cert-file"} {
		if _, _, err := parseGateway(nil, certificateFiles[i]); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for _, setting := range []string{
		"name=Gateway_1", "delivery-namespace=Two", "trusted-proxies=office", "lease-writes-per-second=0",
		"lease-writes-per-second=NaN", "max-watches=-1", "drain-delay=-1s", "log-level=loud",
	} {
		name, _, _ := strings.Cut(setting, "=")
		_, printed, err := parseGateway(nil, append(certificateFiles, "--"+setting)...)
		if err == nil || !strings.Contains(err.Error(), "--"+name) || strings.Contains(err.Error(), "\n") || printed != "" {
			t.Errorf("%s: error %v and output %q", setting, err, printed)
		}
	}
}
