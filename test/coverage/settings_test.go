// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package coverage_test

import (
	"go/ast"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cedros-io/open-spawn/controllers/account"
	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/controllers/droplet"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/admission"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/firewall"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

// TestMED001_EveryFlagIsRead: a flag whose variable nobody reads is a promise that nobody keeps.
func TestMED001_EveryFlagIsRead(t *testing.T) {
	p := theProgram(t)
	u := p.allUses()
	binaries := map[string]int{}
	for _, c := range p.packages {
		for _, file := range c.files {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				name, target := flagOf(c, call)
				if target == nil {
					return true
				}
				binaries[c.path]++
				if !u.read[p.place(objectOf(c, target))] {
					t.Errorf("flag --%s of %s: nobody reads its variable", name, c.path)
				}
				return true
			})
		}
	}
	if binaries[module+"/internal/options"] < 23 || binaries[module+"/cmd/dosim"] < 10 {
		t.Errorf("found flags in %v, want those of the manager and of dosim", binaries)
	}
}

// flagOf is the name of the flag that a call defines and the variable behind it; nil when it defines none.
func flagOf(c checked, call *ast.CallExpr) (name string, target ast.Expr) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasSuffix(method.Sel.Name, "Var") || len(call.Args) < 3 {
		return "", nil
	}
	receiver := c.info.Types[method.X].Type
	if receiver == nil || receiver.String() != "*flag.FlagSet" {
		return "", nil
	}
	address, ok := call.Args[0].(*ast.UnaryExpr)
	literal, isLiteral := call.Args[1].(*ast.BasicLit)
	if !ok || !isLiteral {
		return "", nil
	}
	name, _ = strconv.Unquote(literal.Value)
	return name, address.X
}

func objectOf(c checked, e ast.Expr) types.Object {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return c.info.Selections[e].Obj()
	case *ast.Ident:
		return c.info.Uses[e]
	}
	return nil
}

// TestMED001_EveryMetricIsRegistered: every name in the code that looks like one of our metrics is described by a
// collector that the manager registers.
func TestMED001_EveryMetricIsRegistered(t *testing.T) {
	p := theProgram(t)
	registered := registeredMetrics(t)
	named := map[string]bool{}
	for _, c := range p.packages {
		for _, file := range c.files {
			ast.Inspect(file, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok {
					return true
				}
				if name, _ := strconv.Unquote(literal.Value); metricName.MatchString(name) {
					named[name] = true
					if !registered[name] {
						t.Errorf("metric %s of %s is registered by nobody", name, c.path)
					}
				}
				return true
			})
		}
	}
	for name := range registered {
		if !named[name] {
			t.Errorf("metric %s is registered and not called openspawn_…", name)
		}
	}
	if len(named) < 6 {
		t.Errorf("found only the metrics %v", named)
	}
}

// TestMED001_EveryMetricIsDocumented: whoever sees a metric finds out from docs/ what it means.
func TestMED001_EveryMetricIsDocumented(t *testing.T) {
	var all strings.Builder
	err := filepath.WalkDir("../../docs", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range registeredMetrics(t) {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(all.String()) {
			t.Errorf("metric %s is not in docs/", name)
		}
	}
}

var (
	metricName = regexp.MustCompile(`^openspawn_[a-z0-9_]+$`)
	fqName     = regexp.MustCompile(`fqName: "([^"]+)"`)
)

// registeredMetrics are those of the collectors that internal/manager and cmd/gateway register.
func registeredMetrics(t *testing.T) map[string]bool {
	t.Helper()
	r := &registry{Registry: prometheus.NewRegistry(), names: map[string]bool{}}
	token := func() string { return "token" }
	api, err := digitalocean.Connect(digitalocean.Options{Token: token, Metrics: r})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Register(inventory.New(inventory.Options{Lister: api, Tag: "tag"})); err != nil {
		t.Fatal(err)
	}
	if err := r.Register(fleet.New(fleet.Options{})); err != nil {
		t.Fatal(err)
	}
	for _, collector := range []prometheus.Collector{
		budget.New(budget.Options{}), firewall.New(firewall.Options{}), orphan.New(orphan.Options{}),
		account.NewController(account.Options{}), bot.NewController(bot.Options{}),
		droplet.NewController(droplet.Options{}), admission.NewMeters(), gateway.NewMeters(),
	} {
		if err := r.Register(collector); err != nil {
			t.Fatal(err)
		}
	}
	return r.names
}

// registry remembers the names of what is registered.
type registry struct {
	*prometheus.Registry
	names map[string]bool
}

// Register registers a collector and asks it for its names.
func (r *registry) Register(c prometheus.Collector) error {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		c.Describe(descriptions)
	}()
	for description := range descriptions {
		if name := fqName.FindStringSubmatch(description.String()); name != nil {
			r.names[name[1]] = true
		}
	}
	return r.Registry.Register(c)
}
