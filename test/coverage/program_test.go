// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package coverage_test asks of everything that users see, whether anything stands behind it.
package coverage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/cedros-io/open-spawn"
	api    = module + "/api/v1alpha1"
)

// program is every package that goes into a binary, type-checked: its Go code without tests and generated files.
type program struct {
	fset     *token.FileSet
	importer types.Importer
	packages []checked
}

// checked is one package.
type checked struct {
	path  string
	files []*ast.File
	info  *types.Info
}

// listed is what go list tells of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

var load = sync.OnceValues(loadProgram)

func theProgram(t *testing.T) *program {
	t.Helper()
	p, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func loadProgram() (*program, error) {
	all, err := list()
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	p := &program{fset: token.NewFileSet()}
	// One importer for all, so that a field is the same object in every package that reads it.
	p.importer = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	for _, l := range all {
		if !strings.HasPrefix(l.ImportPath, module+"/") {
			continue
		}
		pkg, err := p.check(l)
		if err != nil {
			return nil, err
		}
		p.packages = append(p.packages, pkg)
	}
	return p, nil
}

// list asks the go command for the packages of the binaries, with the export data of everything they import: what the
// running test was compiled from, so that nothing need be compiled again.
func list() ([]listed, error) {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	command := exec.Command("go", append(args, "./cmd/...")...)
	command.Dir = filepath.Join("..", "..")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(stderr.String()))
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
}

func (p *program) check(l listed) (checked, error) {
	c := checked{path: l.ImportPath, info: &types.Info{
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
	}}
	for _, name := range l.GoFiles {
		if strings.HasPrefix(name, "zz_generated") {
			continue
		}
		file, err := parser.ParseFile(p.fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return c, err
		}
		c.files = append(c.files, file)
	}
	config := types.Config{Importer: p.importer}
	if l.ImportPath == api {
		config.Error = func(error) {} // its generated methods are left out
	}
	if _, err := config.Check(l.ImportPath, p.fset, c.files, c.info); err != nil && l.ImportPath != api {
		return c, err
	}
	return c, nil
}

// uses are the objects that are read and written: fields by name of type and field, variables by their own place.
type uses struct {
	read, written map[string]bool
	called        map[string]bool
}

// usesIn walks a package's code. A field is written when it is assigned to or set in a literal, and read otherwise.
// What has its address taken for a flag is neither.
func (p *program) usesIn(c checked, u uses) {
	for _, file := range c.files {
		ignored, assigned := map[ast.Expr]bool{}, map[ast.Expr]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					assigned[ast.Unparen(left)] = n.Tok == token.ASSIGN
				}
			case *ast.CallExpr:
				if _, target := flagOf(c, n); target != nil {
					ignored[target] = true
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok {
					if field, ok := c.info.Uses[key].(*types.Var); ok && field.IsField() {
						u.written[p.place(field)] = true
						ignored[key] = true
					}
				}
			case *ast.SelectorExpr:
				selection := c.info.Selections[n]
				if selection == nil || ignored[n] {
					return true
				}
				u.note(p.place(selection.Obj()), assigned[n])
				if selection.Kind() == types.MethodVal {
					u.called[selection.Obj().Name()] = true
				}
			case *ast.Ident:
				if v, ok := c.info.Uses[n].(*types.Var); ok && !v.IsField() && !ignored[n] {
					u.note(p.place(v), assigned[n])
				}
			}
			return true
		})
	}
}

func (u uses) note(place string, assigned bool) {
	if assigned {
		u.written[place] = true
		return
	}
	u.read[place] = true
}

// place is where an object is declared: the same for the package that declares it, and for those that import it.
func (p *program) place(object types.Object) string {
	at := p.fset.Position(object.Pos())
	return filepath.Join(filepath.Base(filepath.Dir(at.Filename)), filepath.Base(at.Filename)) + ":" +
		strconv.Itoa(at.Line) + ":" + object.Name()
}
