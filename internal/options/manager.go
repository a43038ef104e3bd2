// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// ManagerEnvPrefix comes before the name of every environment variable that the manager reads.
const ManagerEnvPrefix = "OPENSPAWN_"

// Manager are the settings of the manager.
type Manager struct {
	// Kubeconfig is the path of a kubeconfig file; empty means the environment's, or the Pod's ServiceAccount.
	Kubeconfig string
	// DigitalOceanURL is where the DigitalOcean API is; empty means DigitalOcean.
	DigitalOceanURL string
	// DigitalOceanTokenFile holds the token; it is read again when it changes.
	DigitalOceanTokenFile string
	// DigitalOceanCallsPerMinute is how many calls we may make in a minute, of the 250 that DigitalOcean allows.
	DigitalOceanCallsPerMinute int
	// FleetID tells this installation's instances from those of others; empty means the uid of namespace kube-system.
	FleetID string
	// NewFleet says that the instances of other fleets in the team are neighbours.
	NewFleet bool
	// TakeOver says that a fleet of another cluster is now this cluster's.
	TakeOver bool
	// SettleWindow is how long after a lost reply an instance may still appear.
	SettleWindow time.Duration
	// InventoryInterval is the time between two passes over the fleet, while the fleet is small.
	InventoryInterval time.Duration
	// ShutdownGrace is how long a machine is given to shut itself down before its power is cut.
	ShutdownGrace time.Duration
	// OrphanPolicy is what is done about instances of the fleet that no object claims: Delete or Report. Empty means
	// Report for the first day of an installation, and Delete after that.
	OrphanPolicy string
	// OrphanMinAge is how old an unclaimed instance must be to be destroyed.
	OrphanMinAge time.Duration
	// OrphanSightings is in how many complete passes it must have been unclaimed.
	OrphanSightings int
	// SSHCIDRs are the networks from which the machines may be reached by SSH; none means from nowhere.
	SSHCIDRs []netip.Prefix
	// ExtraEgress is what the machines may reach besides DNS, NTP and HTTPS.
	ExtraEgress []Egress
	// WatchNamespaces are the namespaces of Bots and Droplets; none means all.
	WatchNamespaces []string
	// LeaderElect lets several replicas run, of which one works.
	LeaderElect bool
	// LeaderElectionNamespace is the manager's own namespace: where the leader's lease and the fleet record are. It is
	// created when it is missing.
	LeaderElectionNamespace string
	// MetricsBindAddress is where metrics are served; 0 means nowhere.
	MetricsBindAddress string
	// WebhookBindAddress is where the admission webhooks are served, over TLS; 0 means nowhere.
	WebhookBindAddress string
	// WebhookHosts are names by which the API server calls the webhooks, besides those of Service open-spawn-webhook in
	// the manager's namespace.
	WebhookHosts []string
	// DeliveryNamespace is where machines are told what to run, and heard. It is created when it is missing.
	DeliveryNamespace string
	// GatewayURLs are what machines call, the best first.
	GatewayURLs []string
	// GatewayCAFile holds the certificates that prove a gateway; empty means that a public authority does.
	GatewayCAFile string
	// AgentDir holds the builds of the agent that machines install; empty means that their image has one.
	AgentDir string
	// OpenClawArchives are the archives of OpenClaw that machines install; none means that their image has them.
	OpenClawArchives Archives
	// OpenClawMirror is where archives are found by their names; empty means that gateways have them.
	OpenClawMirror string
	// RequireDropletAddress lets a machine register from its own public address only.
	RequireDropletAddress bool
	// HealthProbeBindAddress is where /healthz and /readyz are served; 0 means nowhere.
	HealthProbeBindAddress string
	// LogLevel is error, info or debug.
	LogLevel string
}

// The values of --orphan-policy.
const (
	// OrphanDelete destroys what nobody claims, when all safeguards hold.
	OrphanDelete = "Delete"
	// OrphanReport only tells of it.
	OrphanReport = "Report"
)

const (
	// defaultSettleWindow is above every timeout on the way, about 100 s at the edge, and every list lag seen.
	defaultSettleWindow = 5 * time.Minute
	// defaultCallsPerMinute leaves a fifth of DigitalOcean's 250 to others, and to calls that arrive late.
	defaultCallsPerMinute = 200
	// minCallsPerMinute is what a small fleet needs: passes, a create, and something left for what destroys.
	minCallsPerMinute = 20
	// minSettleWindow leaves the six looks of a resolve a second apart at least; it is for tests against a simulator.
	minSettleWindow = time.Second
	// defaultInventoryInterval is how old the picture of a small fleet may be: 120 calls an hour, of 5,000.
	defaultInventoryInterval = 30 * time.Second
	// minInventoryInterval is for tests against a simulator.
	minInventoryInterval = 100 * time.Millisecond
	// defaultShutdownGrace is what DigitalOcean's own tools give a machine.
	defaultShutdownGrace = 2 * time.Minute
	// defaultOrphanMinAge and defaultOrphanSightings keep the sweeper from whatever may still be claimed: a create in
	// doubt is resolved long before.
	defaultOrphanMinAge    = time.Hour
	defaultOrphanSightings = 3
)

// fleetIDPattern is what fits into a tag at DigitalOcean.
var fleetIDPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// namespacePattern is a DNS label.
var namespacePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// hostPattern is a DNS name. The certificate is made for names only, so an IP address is none.
var hostPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// ParseManager reads the manager's settings; an error is one line that names the flag.
func ParseManager(args []string, lookup LookupEnv, fs *flag.FlagSet) (Manager, error) {
	var o Manager
	var namespaces, cidrs, egress, hosts, gateways string
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "path of a kubeconfig file; unset means the Pod's ServiceAccount")
	fs.StringVar(&o.DigitalOceanURL, "digitalocean-url", "", "URL of the DigitalOcean API; unset means DigitalOcean")
	fs.StringVar(&o.DigitalOceanTokenFile, "digitalocean-token-file", "",
		"file with the DigitalOcean token, read again when it changes (required)")
	fs.IntVar(&o.DigitalOceanCallsPerMinute, "digitalocean-calls-per-minute", defaultCallsPerMinute,
		"calls to DigitalOcean in a minute; it allows 250 to a token, and others may share it")
	fs.StringVar(&o.FleetID, "fleet-id", "",
		"name that tells this fleet's instances from others'; unset means the uid of namespace kube-system")
	fs.BoolVar(&o.NewFleet, "new-fleet", false,
		"acknowledge that the instances of other open-spawn fleets in the DigitalOcean team are neighbours")
	fs.BoolVar(&o.TakeOver, "take-over", false,
		"make a fleet of another cluster this cluster's; stop the other manager first, and unset this afterwards")
	fs.DurationVar(&o.SettleWindow, "settle-window", defaultSettleWindow,
		"how long after a lost reply to a create an instance may still appear")
	fs.DurationVar(&o.InventoryInterval, "inventory-interval", defaultInventoryInterval,
		"time between two passes over the fleet; a fleet of many pages is listed less often")
	fs.DurationVar(&o.ShutdownGrace, "shutdown-grace", defaultShutdownGrace,
		"how long a machine is given to shut itself down before its power is cut")
	fs.StringVar(&o.OrphanPolicy, "orphan-policy", "",
		"Delete or Report instances of this fleet that no Droplet claims; unset means Report for the first 24 h of an "+
			"installation, then Delete")
	fs.DurationVar(&o.OrphanMinAge, "orphan-min-age", defaultOrphanMinAge,
		"age below which an unclaimed instance is never destroyed")
	fs.IntVar(&o.OrphanSightings, "orphan-sightings", defaultOrphanSightings,
		"number of complete passes in which an instance must be unclaimed before it is destroyed")
	fs.StringVar(&cidrs, "ssh-cidrs", "",
		"networks that may reach the machines by SSH, such as 203.0.113.0/24, separated by commas; unset means none")
	fs.StringVar(&egress, "extra-egress", "",
		"what the machines may reach besides DNS, NTP and HTTPS, as PROTOCOL:PORTS or PROTOCOL:PORTS:NETWORK, such as "+
			"tcp:8443 or tcp:9000-9100:198.51.100.0/24, separated by commas")
	fs.StringVar(&namespaces, "watch-namespaces", "", "namespaces of Bots, separated by commas; unset means all")
	fs.BoolVar(&o.LeaderElect, "leader-elect", false, "let one of several replicas work")
	fs.StringVar(&o.LeaderElectionNamespace, "leader-election-namespace", "open-spawn-system",
		"namespace of the leader's lease and of the fleet record, created when it is missing")
	servingFlags(&o, &hosts, fs)
	deliveryFlags(&o, &gateways, fs)
	fs.StringVar(&o.LogLevel, "log-level", "info", "error, info or debug")
	if err := Parse(fs, ManagerEnvPrefix, args, lookup); err != nil {
		return Manager{}, err
	}
	o.WatchNamespaces, o.WebhookHosts, o.GatewayURLs = split(namespaces), split(hosts), split(gateways)
	var err error
	if o.SSHCIDRs, o.ExtraEgress, err = readNetworks(cidrs, egress); err != nil {
		return Manager{}, err
	}
	return o, o.validate()
}

// servingFlags are those that say what the manager serves, and where.
func servingFlags(o *Manager, hosts *string, fs *flag.FlagSet) {
	fs.StringVar(hosts, "webhook-hosts", "",
		"host names, no IP addresses, by which the API server calls the webhooks besides those of Service "+
			"open-spawn-webhook in the manager's namespace, separated by commas")
	fs.StringVar(&o.MetricsBindAddress, "metrics-bind-address", ":8080", "address of the metrics; 0 means none")
	fs.StringVar(&o.WebhookBindAddress, "webhook-bind-address", ":9443",
		"address of the admission webhooks; 0 means none")
	fs.StringVar(&o.HealthProbeBindAddress, "health-probe-bind-address", ":8081", "address of the probes; 0 means none")
}

func readNetworks(cidrs, egress string) ([]netip.Prefix, []Egress, error) {
	from, err := parseNetworks(split(cidrs))
	if err != nil {
		return nil, nil, fmt.Errorf("--ssh-cidrs: %w", err)
	}
	to, err := parseEgress(split(egress))
	if err != nil {
		return nil, nil, fmt.Errorf("--extra-egress: %w", err)
	}
	return from, to, nil
}

func (o Manager) validate() error {
	if o.DigitalOceanTokenFile == "" {
		return errors.New("--digitalocean-token-file is required: name the file that holds the DigitalOcean token")
	}
	if o.DigitalOceanURL != "" && !isURL(o.DigitalOceanURL) {
		return errors.New("--digitalocean-url is not a URL such as https://api.digitalocean.com")
	}
	if o.FleetID != "" && !fleetIDPattern.MatchString(o.FleetID) {
		return fmt.Errorf("--fleet-id %q: use 1 to 64 letters, digits, - and _", o.FleetID)
	}
	if o.SettleWindow < minSettleWindow {
		return fmt.Errorf("--settle-window %s is below %s", o.SettleWindow, minSettleWindow)
	}
	if err := cmp.Or(o.validateFleet(), o.validateDelivery()); err != nil {
		return err
	}
	if o.DigitalOceanCallsPerMinute < minCallsPerMinute {
		return fmt.Errorf("--digitalocean-calls-per-minute %d is below %d", o.DigitalOceanCallsPerMinute, minCallsPerMinute)
	}
	if !slices.Contains([]string{"error", "info", "debug"}, o.LogLevel) {
		return fmt.Errorf("--log-level %q: use error, info or debug", o.LogLevel)
	}
	return o.validateNames()
}

func (o Manager) validateFleet() error {
	switch {
	case o.InventoryInterval < minInventoryInterval:
		return fmt.Errorf("--inventory-interval %s is below %s", o.InventoryInterval, minInventoryInterval)
	case o.ShutdownGrace < 0:
		return fmt.Errorf("--shutdown-grace %s is below 0", o.ShutdownGrace)
	case !slices.Contains([]string{"", OrphanDelete, OrphanReport}, o.OrphanPolicy):
		return fmt.Errorf("--orphan-policy %q: use %s or %s", o.OrphanPolicy, OrphanDelete, OrphanReport)
	case o.OrphanMinAge < 0:
		return fmt.Errorf("--orphan-min-age %s is below 0", o.OrphanMinAge)
	case o.OrphanSightings < 1:
		return fmt.Errorf("--orphan-sightings %d is below 1", o.OrphanSightings)
	}
	return nil
}

func isURL(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

func (o Manager) validateNames() error {
	for _, namespace := range o.WatchNamespaces {
		if !namespacePattern.MatchString(namespace) {
			return fmt.Errorf("--watch-namespaces: %q is not the name of a namespace", namespace)
		}
	}
	if !namespacePattern.MatchString(o.LeaderElectionNamespace) {
		return fmt.Errorf("--leader-election-namespace: %q is not the name of a namespace", o.LeaderElectionNamespace)
	}
	for _, host := range o.WebhookHosts {
		if !hostPattern.MatchString(host) || net.ParseIP(host) != nil {
			return fmt.Errorf("--webhook-hosts: %q is not a host name such as localhost", host)
		}
	}
	return nil
}
