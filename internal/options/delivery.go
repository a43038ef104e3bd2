// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
)

// deliveryFlags are those that say how machines are told what to run, and heard.
func deliveryFlags(o *Manager, gateways *string, fs *flag.FlagSet) {
	fs.StringVar(gateways, "gateway-url", "",
		"https URLs by which machines call the gateway, the best first, separated by commas (required)")
	fs.StringVar(&o.DeliveryNamespace, "delivery-namespace", "open-spawn-delivery",
		"namespace in which the manager and the gateway meet, created when it is missing")
	fs.StringVar(&o.GatewayCAFile, "gateway-ca-file", "",
		"file with the certificates, in PEM, by which machines know the gateway, read again when it changes; unset means "+
			"that its certificate is from a public authority")
	fs.StringVar(&o.AgentDir, "agent-dir", "",
		"directory with agent-linux-amd64 and agent-linux-arm64, the builds of the agent that machines get from the "+
			"gateway; unset means that their image has one")
	fs.Var(&o.OpenClawArchives, "openclaw-archives",
		"digests of the archives of OpenClaw that machines install, as sha256sum prints them, separated by line breaks or "+
			"commas; unset means that their image has OpenClaw")
	fs.StringVar(&o.OpenClawMirror, "openclaw-mirror", "",
		"https URL under which machines find the archives by their names; unset means that gateways have them")
	fs.BoolVar(&o.RequireDropletAddress, "require-droplet-address", false,
		"let a machine register from its own public address only; not for gateways that do not see it")
}

func (o Manager) validateDelivery() error {
	if len(o.GatewayURLs) == 0 {
		return errors.New("--gateway-url is required: name the https URL by which machines call the gateway, " +
			"such as https://gateway.example.com")
	}
	for _, gateway := range o.GatewayURLs {
		if !isHTTPS(gateway) {
			return fmt.Errorf("--gateway-url: %q is not an https URL such as https://gateway.example.com", gateway)
		}
	}
	if mirror := o.OpenClawMirror; mirror != "" && !isHTTPS(mirror) {
		return fmt.Errorf("--openclaw-mirror: %q is not an https URL such as https://mirror.example.com/openclaw", mirror)
	}
	if o.OpenClawMirror != "" && len(o.OpenClawArchives) == 0 {
		return errors.New("--openclaw-mirror needs --openclaw-archives: machines take nothing whose digest they do not know")
	}
	if !namespacePattern.MatchString(o.DeliveryNamespace) {
		return fmt.Errorf("--delivery-namespace: %q is not the name of a namespace", o.DeliveryNamespace)
	}
	return nil
}

func isHTTPS(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsAny(value, " \\")
}
