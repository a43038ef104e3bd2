// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package coverage_test

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// later are the fields that nothing stands behind yet, each with everything below it. The list only shrinks: a field
// that has a reader and is still here fails the test, and it is empty when the work is done.
var later = []string{
	"account.spec.externalID",
}

// TestMED001_EveryFieldOfTheAPIHasCodeBehindIt: what a user can set must be read, and what a user can see must be
// written or read, by code that goes into a binary.
func TestMED001_EveryFieldOfTheAPIHasCodeBehindIt(t *testing.T) {
	p := theProgram(t)
	u := p.allUses()
	found := map[string]bool{}
	for path, field := range p.apiFields(t) {
		found[path] = true
		place := p.place(field)
		backed := u.read[place] || (strings.Contains(path, ".status.") && u.written[place])
		switch {
		case !backed && !isLater(path):
			t.Errorf("%s: no code reads it", path)
		case backed && slices.Contains(later, path):
			t.Errorf("%s is read now: take it off the list", path)
		}
	}
	for _, name := range later {
		if !found[name] {
			t.Errorf("%s is on the list and not in the API", name)
		}
	}
	if len(found) < 100 {
		t.Errorf("only %d fields were looked at", len(found))
	}
}

// isLater tells whether the field, or one that it is below of, is on the list.
func isLater(path string) bool {
	return slices.ContainsFunc(later, func(name string) bool { return path == name || strings.HasPrefix(path, name+".") })
}

// allUses is what the code outside the API's package uses, and what those methods of the API use that it calls.
func (p *program) allUses() uses {
	u := uses{read: map[string]bool{}, written: map[string]bool{}, called: map[string]bool{}}
	var types checked
	for _, c := range p.packages {
		if c.path == api {
			types = c
			continue
		}
		p.usesIn(c, u)
	}
	called := checked{path: types.path, info: types.info}
	for _, file := range types.files {
		kept := *file
		kept.Decls = slices.DeleteFunc(slices.Clone(file.Decls), func(d ast.Decl) bool {
			f, ok := d.(*ast.FuncDecl)
			return !ok || f.Recv == nil || !u.called[f.Name.Name]
		})
		called.files = append(called.files, &kept)
	}
	p.usesIn(called, u)
	return u
}

// apiFields are the leaves and branches of spec and status of every kind, by the path that a user writes.
func (p *program) apiFields(t *testing.T) map[string]*types.Var {
	t.Helper()
	pkg, err := p.importer.Import(api)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]*types.Var{}
	for _, kind := range []string{"Account", "Bot", "Droplet"} {
		object, ok := pkg.Scope().Lookup(kind).Type().Underlying().(*types.Struct)
		if !ok {
			t.Fatalf("%s is no struct", kind)
		}
		for i := range object.NumFields() {
			if name := jsonName(object.Tag(i)); name == "spec" || name == "status" {
				walk(fields, strings.ToLower(kind)+"."+name, object.Field(i).Type())
			}
		}
	}
	return fields
}

// walk goes down into the types of the API's own package.
func walk(into map[string]*types.Var, path string, of types.Type) {
	switch u := of.(type) {
	case *types.Pointer:
		walk(into, path, u.Elem())
		return
	case *types.Slice:
		walk(into, path, u.Elem())
		return
	case *types.Map:
		walk(into, path, u.Elem())
		return
	}
	named, ok := of.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != api {
		return
	}
	object, ok := named.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i := range object.NumFields() {
		name := jsonName(object.Tag(i))
		if name == "" {
			continue // inlined: what is inside is the field itself
		}
		below := path + "." + name
		into[below] = object.Field(i)
		walk(into, below, object.Field(i).Type())
	}
}

func jsonName(tag string) string {
	_, rest, _ := strings.Cut(tag, `json:"`)
	name, _, _ := strings.Cut(rest, `"`)
	name, _, _ = strings.Cut(name, ",")
	return name
}
