// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// GatewayEnvPrefix comes before the name of every environment variable that the gateway reads.
const GatewayEnvPrefix = "OPENSPAWN_"

// Gateway are the settings of the gateway.
type Gateway struct {
	// Kubeconfig is the path of a kubeconfig file; empty means the environment's, or the Pod's ServiceAccount.
	Kubeconfig string
	// Name tells this replica from the others; empty means the name of the host, which is that of the Pod.
	Name string
	// DeliveryNamespace is the one namespace that the gateway reads and writes.
	DeliveryNamespace string
	// Listen is the address that machines call.
	Listen string
	// TLSCertFile and TLSKeyFile hold the certificate and its key.
	TLSCertFile, TLSKeyFile string
	// TrustedProxies are the networks whose PROXY protocol is believed.
	TrustedProxies []netip.Prefix
	// AgentDir holds builds of the agent; empty means that none are served.
	AgentDir string
	// LeaseWritesPerSecond is how many Leases all gateways together may write.
	LeaseWritesPerSecond float64
	// MaxWatches is how many requests for a config are held at once.
	MaxWatches int
	// DrainDelay is how long a replica that is about to end still serves.
	DrainDelay time.Duration
	// MetricsBindAddress is where metrics are served; 0 means nowhere.
	MetricsBindAddress string
	// HealthProbeBindAddress is where /healthz and /readyz are served; 0 means nowhere.
	HealthProbeBindAddress string
	// LogLevel is error, info or debug.
	LogLevel string
}

const (
	// defaultLeaseWrites is what an add-on may politely ask of an API server that it shares.
	defaultLeaseWrites = 50
	// defaultMaxWatches is twice the largest fleet of one installation, at 20 to 40 KiB each.
	defaultMaxWatches = 20000
	// defaultDrainDelay is about what a load balancer takes to notice.
	defaultDrainDelay = 10 * time.Second
)

// gatewayNamePattern is what fits into the name of a Lease and into a label.
var gatewayNamePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ParseGateway reads the gateway's settings; an error is one line that names the flag.
func ParseGateway(args []string, lookup LookupEnv, fs *flag.FlagSet) (Gateway, error) {
	var o Gateway
	var proxies string
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "path of a kubeconfig file; unset means the Pod's ServiceAccount")
	fs.StringVar(&o.Name, "name", "", "name that no other replica has; unset means the host's")
	fs.StringVar(&o.DeliveryNamespace, "delivery-namespace", "open-spawn-delivery",
		"the one namespace that the gateway reads and writes")
	fs.StringVar(&o.Listen, "listen", ":8443", "address that machines call, over TLS")
	fs.StringVar(&o.TLSCertFile, "tls-cert-file", "", "file with the certificate, read again when it changes (required)")
	fs.StringVar(&o.TLSKeyFile, "tls-key-file", "",
		"file with the certificate's key, read again when it changes (required)")
	fs.StringVar(&proxies, "trusted-proxies", "",
		"networks of load balancers that tell their clients by PROXY protocol, such as 10.0.0.0/8, separated by "+
			"commas; unset means none")
	fs.StringVar(&o.AgentDir, "agent-dir", "", "directory with builds of the agent; unset means that none are served")
	fs.Float64Var(&o.LeaseWritesPerSecond, "lease-writes-per-second", defaultLeaseWrites,
		"how many Leases all gateways together may write in a second; a large fleet beats less often")
	fs.IntVar(&o.MaxWatches, "max-watches", defaultMaxWatches, "how many requests for a config are held at once")
	fs.DurationVar(&o.DrainDelay, "drain-delay", defaultDrainDelay,
		"how long a replica that is about to end still serves, so that load balancers notice")
	fs.StringVar(&o.MetricsBindAddress, "metrics-bind-address", ":8080", "address of the metrics; 0 means none")
	fs.StringVar(&o.HealthProbeBindAddress, "health-probe-bind-address", ":8081", "address of the probes; 0 means none")
	fs.StringVar(&o.LogLevel, "log-level", "info", "error, info or debug")
	if err := Parse(fs, GatewayEnvPrefix, args, lookup); err != nil {
		return Gateway{}, err
	}
	var err error
	if o.TrustedProxies, err = parseNetworks(split(proxies)); err != nil {
		return Gateway{}, fmt.Errorf("--trusted-proxies: %w", err)
	}
	return o, o.validate()
}

func (o Gateway) validate() error {
	switch {
	case o.TLSCertFile == "":
		return errors.New("--tls-cert-file is required: machines are served over TLS only")
	case o.TLSKeyFile == "":
		return errors.New("--tls-key-file is required: machines are served over TLS only")
	case o.Name != "" && !gatewayNamePattern.MatchString(o.Name):
		return fmt.Errorf("--name %q: use 1 to 63 lower-case letters, digits and -", o.Name)
	case !namespacePattern.MatchString(o.DeliveryNamespace):
		return fmt.Errorf("--delivery-namespace: %q is not the name of a namespace", o.DeliveryNamespace)
	case !(o.LeaseWritesPerSecond > 0):
		return fmt.Errorf("--lease-writes-per-second %g is not above 0", o.LeaseWritesPerSecond)
	case o.MaxWatches < 0:
		return fmt.Errorf("--max-watches %d is below 0", o.MaxWatches)
	case o.DrainDelay < 0:
		return fmt.Errorf("--drain-delay %s is below 0", o.DrainDelay)
	case !slices.Contains([]string{"error", "info", "debug"}, o.LogLevel):
		return fmt.Errorf("--log-level %q: use error, info or debug", o.LogLevel)
	}
	return nil
}
