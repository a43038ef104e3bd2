// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/token"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

var update = flag.Bool("update", false, "write the golden file anew")

const (
	name   = "scout-k3v9x2m1qab7c"
	golden = "testdata/machine.yaml"
	pem    = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
)

func machine() userdata.Machine {
	return userdata.Machine{
		Name: name, Gateways: []string{"https://gateway.example", "https://other.example:8443"}, GatewayCA: pem,
		Registration: token.NewRegistration([]byte("the fleet's key"), name),
		AgentSHA256:  map[string]string{"amd64": strings.Repeat("a", 64), "arm64": strings.Repeat("b", 64)},
		Runtime:      map[string]any{"command": "/bin/true", "directory": "/run/open-spawn"},
	}
}

func render(t *testing.T, m userdata.Machine) []byte {
	t.Helper()
	data, err := userdata.Render(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestUserDataIsWhatItWas(t *testing.T) {
	data := render(t, machine())
	if *update {
		if err := os.WriteFile(golden, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, want) {
		t.Errorf("rendered\n%s\nwant\n%s", data, want)
	}
}

func TestCRIT006_AMachineCallsNobodyButTheGatewaysItWasGiven(t *testing.T) {
	text := string(render(t, machine()))
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "https://")
		if !found {
			break
		}
		host, _, _ := strings.Cut(after, "\n")
		if !strings.HasPrefix(host, "gateway.example") && !strings.HasPrefix(host, "other.example:8443") {
			t.Errorf("it names https://%s", host)
		}
		rest = after
	}
	if strings.Contains(text, "http://") {
		t.Error("it names a URL that is not https")
	}
	for what, spoil := range map[string]func(*userdata.Machine){
		"no gateway": func(m *userdata.Machine) { m.Gateways = nil },
		"http":       func(m *userdata.Machine) { m.Gateways = []string{"http://gateway.example"} },
		"no host":    func(m *userdata.Machine) { m.Gateways = []string{"https://"} },
		"nonsense":   func(m *userdata.Machine) { m.Gateways = []string{"://"} },
		"another's token": func(m *userdata.Machine) {
			m.Registration = token.NewRegistration([]byte("k"), "other")
		},
		"no token":                 func(m *userdata.Machine) { m.Registration = token.Token{} },
		"no agent for a machine":   func(m *userdata.Machine) { delete(m.AgentSHA256, "arm64") },
		"an agent of no digest":    func(m *userdata.Machine) { m.AgentSHA256["amd64"] = "$(reboot)" },
		"a CA that is none":        func(m *userdata.Machine) { m.GatewayCA = "nonsense" },
		"more than is taken":       func(m *userdata.Machine) { m.GatewayCA = strings.Repeat(pem, 600) },
		"what cannot be written":   func(m *userdata.Machine) { m.Runtime["command"] = func() {} },
		"a machine without a name": func(m *userdata.Machine) { m.Name = "" },
	} {
		m := machine()
		spoil(&m)
		if data, err := userdata.Render(m); err == nil {
			t.Errorf("%s: %s", what, data)
		}
	}
}

func TestTheOneSecretIsTheRegistrationToken(t *testing.T) {
	m := machine()
	text := string(render(t, m))
	if n := strings.Count(text, m.Registration.Reveal()); n != 1 {
		t.Errorf("the token is in it %d times", n)
	}
	var config struct {
		Files []struct{ Path, Permissions, Content string } `json:"write_files"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	for _, file := range config.Files {
		if holds := strings.Contains(file.Content, "osr1."); holds != (file.Path == userdata.AgentConfigPath) {
			t.Errorf("%s holds the token: %v", file.Path, holds)
		} else if holds && file.Permissions != "0600" {
			t.Errorf("%s has the permissions %s", file.Path, file.Permissions)
		}
	}
	m.GatewayCA = ""
	if strings.Contains(string(render(t, m)), "path: /etc/open-spawn/gateway-ca.pem") {
		t.Error("a CA is written although there is none")
	}
}

// Where the tools are not installed nothing is checked; CI has them.
func TestToolsFindNothingWrong(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "user-data")
	if err := os.WriteFile(data, render(t, machine()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"cloud-init", "schema", "--config-file", data}, {"shellcheck", "install-agent"},
	} {
		t.Run(command[0], func(t *testing.T) {
			path, err := exec.LookPath(command[0])
			if err != nil {
				t.Skipf("%s is not installed", command[0])
			}
			if output, err := exec.CommandContext(t.Context(), path, command[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

func FuzzRender(f *testing.F) {
	f.Add("https://gateway.example", pem, "/bin/true")
	f.Fuzz(func(t *testing.T, gateway, ca, command string) {
		m := machine()
		m.Gateways, m.GatewayCA, m.Runtime["command"] = []string{gateway}, ca, command
		data, err := userdata.Render(m)
		if err != nil {
			return
		}
		var parsed struct {
			Files []struct{ Path, Content string } `json:"write_files"`
		}
		if err := yaml.Unmarshal(data, &parsed); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if len(parsed.Files) < 3 || parsed.Files[0].Path != userdata.AgentConfigPath {
			t.Errorf("files %+v", parsed.Files)
		}
	})
}
