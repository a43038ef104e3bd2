// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestAGatewayServesWithTheRightsThatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "gateway")
	// As Build does it, so that nothing is compiled twice.
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "github.com/cedros-io/open-spawn/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, output)
	}
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Dir: filepath.Join(dir, "plane")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), plane, root); err != nil {
		t.Fatal(err)
	}
	g, err := StartGateway(t.Context(), GatewayOptions{
		Binary: binary, Log: filepath.Join(dir, "gateway.log"), Cluster: plane, Dir: dir, Name: "one",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	// Its certificate is for both names.
	for _, url := range []string{g.URL, strings.Replace(g.URL, "127.0.0.1", "localhost", 1)} {
		if status := post(t, url+protocol.HeartbeatPath, g.CAFile); status != http.StatusUnauthorized {
			t.Errorf("%s answers a stranger with %d", url, status)
		}
	}
	leases, err := plane.Kubectl(t.Context(), "get", "leases", "-n", DeliveryNamespace, "-o", "name")
	if err != nil || !strings.Contains(string(leases), "gateway.one") {
		t.Errorf("the gateway does not say that it receives: %s (%v)", leases, err)
	}
}

// post calls a server that only the authority in the file proves.
func post(t *testing.T, url, caFile string) (status int) {
	t.Helper()
	content, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}

func TestAManagerIsToldOfItsGateway(t *testing.T) {
	var none *Gateway
	if got := none.flags(); len(got) != 1 || got[0] != "--gateway-url=https://gateway.invalid" {
		t.Errorf("without a gateway: %v", got)
	}
	some := &Gateway{URL: "https://127.0.0.1:1", CAFile: "ca.pem"}
	if got := strings.Join(some.flags(), " "); got != "--gateway-url=https://127.0.0.1:1 --gateway-ca-file=ca.pem" {
		t.Errorf("with one: %s", got)
	}
}
