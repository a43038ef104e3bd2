// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/token"
)

func TestTheConfigurationIsReadStrictly(t *testing.T) {
	registration := token.NewRegistration([]byte("key"), machine).Reveal()
	good := `
machine: ` + machine + `
gateways: ["https://gateway.example:8443"]
registrationToken: ` + registration + `
runtime: {command: /bin/true, directory: /run/openclaw, environment: {B: "2", A: "1"}}
`
	c, err := ParseConfig([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if c.InstanceIDURL != "http://169.254.169.254/metadata/v1/id" || c.StateDirectory != "/var/lib/spawn-agent" ||
		c.Runtime.RestartSeconds != 60 || strings.Join(list(c.Runtime.Environment), " ") != "A=1 B=2" {
		t.Errorf("read %+v", c)
	}
	for change, says := range map[string][2]string{
		"no machine":               {"machine: " + machine + "\n", "machine is missing"},
		"no gateway":               {`["https://gateway.example:8443"]`, "there is no gateway"},
		"no program":               {"command: /bin/true, ", "runtime.command or runtime.openclaw is missing"},
		"no directory":             {"directory: /run/openclaw, ", "runtime.directory is no absolute path"},
		"a token of nobody":        {registration[len(registration)-1:] + "\nruntime", "registrationToken is none"},
		"a gateway that is proven": {"https:", "the URL of a gateway is https://"},
	} {
		replace := ""
		if strings.HasSuffix(says[0], "runtime") {
			replace = "\nruntime"
		}
		_, err := ParseConfig([]byte(strings.Replace(good, says[0], replace, 1)))
		if err == nil || !strings.Contains(err.Error(), says[1]) || strings.Contains(err.Error(), registration[30:]) {
			t.Errorf("%s: %v, want %q", change, err, says[1])
		}
	}
	for _, more := range []string{
		"gateway: x", "instanceID: -1", "instanceIDURL: ''", "gatewayCA: x", "stateDirectory: state",
		"instanceID: " + registration,
	} {
		if _, err := ParseConfig([]byte(good + more)); err == nil || strings.Contains(err.Error(), registration[30:]) {
			t.Errorf("%s: %v", more, err)
		}
	}
	for _, runtime := range []string{"reload: Kill", "stopSeconds: 0", "restartSeconds: -1", "unknown: 1"} {
		if _, err := ParseConfig([]byte(strings.Replace(good, "runtime: {", "runtime: {"+runtime+", ", 1))); err == nil {
			t.Errorf("%s is taken", runtime)
		}
	}
}
