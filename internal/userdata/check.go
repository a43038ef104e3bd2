// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/cedros-io/open-spawn/internal/token"
)

var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	versionName = regexp.MustCompile(`^[0-9][0-9A-Za-z.-]{0,62}$`)
)

// architectures are those that machines may have.
func architectures() []string { return []string{"amd64", "arm64"} }

// check finds what would leave a machine that nobody ever hears of.
func (m Machine) check() error {
	if m.Name == "" || m.Registration.Machine() != m.Name {
		return errors.New("the registration token is of another machine")
	}
	if len(m.Gateways) == 0 {
		return errors.New("there is no gateway to call")
	}
	for _, gateway := range m.Gateways {
		if !isURL(gateway) {
			return fmt.Errorf("gateway %q is no https URL", gateway)
		}
	}
	if m.GatewayCA != "" && !strings.Contains(m.GatewayCA, "-----BEGIN CERTIFICATE-----") {
		return errors.New("the gateway's CA holds no certificate in PEM")
	}
	if err := checkDigests("the agent", m.AgentSHA256); err != nil {
		return err
	}
	return m.checkSoftware()
}

// checkSoftware finds what the bootstrap would fail at for ever, or take for something else.
func (m Machine) checkSoftware() error {
	if m.Mirror != "" && !isURL(m.Mirror) {
		return fmt.Errorf("mirror %q is no https URL", m.Mirror)
	}
	if len(m.Archive.SHA256) > 0 && !versionName.MatchString(m.Archive.Version) {
		return fmt.Errorf("%q is no version of OpenClaw", m.Archive.Version)
	}
	for _, name := range m.Packages {
		if !packageName.MatchString(name) {
			return fmt.Errorf("%q is no name of a package", name)
		}
	}
	for architecture, digest := range m.Archive.SHA256 { // a fleet may have machines of one kind only
		if _, err := token.ParseHash(digest); err != nil || !slices.Contains(architectures(), architecture) {
			return fmt.Errorf("OpenClaw for %q: %q is no digest of an archive", architecture, digest)
		}
	}
	return nil
}

// checkDigests finds that there is none for some kind of machine. None at all means that the image has it.
func checkDigests(what string, digests map[string]string) error {
	for _, architecture := range architectures() {
		if len(digests) == 0 {
			break
		}
		if _, err := token.ParseHash(digests[architecture]); err != nil {
			return fmt.Errorf("%s for %s: %w", what, architecture, err)
		}
	}
	return nil
}

// isURL tells whether it is one that stays one word in the bootstrap's plan.
func isURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.Scheme == "https" && parsed.Host != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\'
	})
}
