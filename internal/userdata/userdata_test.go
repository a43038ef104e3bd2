// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/agent"
	"github.com/cedros-io/open-spawn/internal/token"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

var update = flag.Bool("update", false, "write the golden file anew")

const (
	name = "scout-k3v9x2m1qab7c"
	ca   = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
)

func machine() userdata.Machine {
	return userdata.Machine{
		Name: name, Gateways: []string{"https://gateway.example", "https://other.example:8443"}, GatewayCA: ca,
		Registration: token.NewRegistration([]byte("the fleet's key"), name),
		AgentSHA256:  map[string]string{"amd64": strings.Repeat("a", 64), "arm64": strings.Repeat("b", 64)},
		Archive: userdata.Archive{
			Version: "2026.9.6",
			SHA256:  map[string]string{"amd64": strings.Repeat("c", 64), "arm64": strings.Repeat("d", 64)},
		},
		Mirror: "https://mirror.example/openclaw/", Packages: []string{"jq", "g++"}, Runtime: userdata.OpenClaw(),
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
	prebuilt := machine()
	prebuilt.GatewayCA, prebuilt.AgentSHA256, prebuilt.Archive = "", nil, userdata.Archive{}
	prebuilt.Mirror, prebuilt.Packages = "", nil
	for golden, m := range map[string]userdata.Machine{"machine": machine(), "prebuilt": prebuilt} {
		golden = filepath.Join("testdata", golden+".yaml")
		data := render(t, m)
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
		if len(data) > userdata.MaxBytes/2 {
			t.Errorf("%s has %d bytes: there is no room for a CA of its own", golden, len(data))
		}
	}
}

func TestTheAgentTakesItsConfiguration(t *testing.T) {
	m := machine()
	m.GatewayCA = "" // that of the golden file is none
	config, err := agent.ParseConfig([]byte(written(t, m, userdata.AgentConfigPath)))
	if err != nil {
		t.Fatal(err)
	}
	if config.Runtime.OpenClaw == nil || config.BootstrapFile == "" {
		t.Errorf("it reads %+v", config)
	}
}

// written is the content of a file of the user data.
func written(t *testing.T, m userdata.Machine, path string) string {
	t.Helper()
	for _, file := range parse(t, render(t, m)) {
		if file.Path == path {
			return file.Content
		}
	}
	t.Fatalf("there is no %s", path)
	return ""
}

type file struct{ Path, Permissions, Content string }

func parse(t *testing.T, data []byte) []file {
	t.Helper()
	var config struct {
		Files []file `json:"write_files"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return config.Files
}

func TestCRIT006_AMachineCallsNobodyButTheGatewaysItWasGiven(t *testing.T) {
	text := string(render(t, machine()))
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "https://")
		if !found {
			break
		}
		host, _, _ := strings.Cut(after, "\n")
		if !slices.ContainsFunc([]string{"gateway.example", "other.example:8443", "mirror.example/openclaw"},
			func(known string) bool { return strings.HasPrefix(host, known) }) {
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
		"more than is taken":       func(m *userdata.Machine) { m.GatewayCA = strings.Repeat(ca, 1200) },
		"what cannot be written":   func(m *userdata.Machine) { m.Runtime["command"] = func() {} },
		"a machine without a name": func(m *userdata.Machine) { m.Name = "" },
		"two words":                func(m *userdata.Machine) { m.Gateways = []string{"https://gateway.example/a b"} },
		"a mirror of http":         func(m *userdata.Machine) { m.Mirror = "http://mirror.example" },
		"a mirror of two lines":    func(m *userdata.Machine) { m.Mirror = "https://mirror.example\npackage x" },
		"an archive of no version": func(m *userdata.Machine) { m.Archive.Version = "../x" },
		"an archive for nothing":   func(m *userdata.Machine) { m.Archive.SHA256["s390x"] = strings.Repeat("c", 64) },
		"an archive of no digest":  func(m *userdata.Machine) { m.Archive.SHA256["amd64"] = "$(reboot)" },
		"an option":                func(m *userdata.Machine) { m.Packages = []string{"-y"} },
		"a command":                func(m *userdata.Machine) { m.Packages = []string{"jq; reboot"} },
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
	for _, file := range parse(t, []byte(text)) {
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

func FuzzRender(f *testing.F) {
	f.Add("https://gateway.example", ca, "/bin/true", "https://mirror.example", "jq")
	f.Fuzz(func(t *testing.T, gateway, ca, command, mirror, name string) {
		m := machine()
		m.Gateways, m.GatewayCA, m.Runtime["command"] = []string{gateway}, ca, command
		m.Mirror, m.Packages = mirror, []string{name}
		data, err := userdata.Render(m)
		if err != nil {
			return
		}
		files := parse(t, data)
		if len(files) < 3 || files[0].Path != userdata.AgentConfigPath || files[1].Path != userdata.PlanPath {
			t.Fatalf("files %+v", files)
		}
		lines := strings.Split(strings.TrimSuffix(files[1].Content, "\n"), "\n")
		want := 6 + 1 // two agents, two archives, a gateway, a package, and a mirror if any
		if mirror == "" {
			want--
		}
		if len(lines) != want {
			t.Errorf("the plan is %q", lines)
		}
	})
}
