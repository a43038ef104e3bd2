// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/controlplane"
)

// crdDir holds what the API server is given: the generated CustomResourceDefinitions, as they are shipped.
var crdDir = filepath.Join("..", "..", "config", "crd", "bases")

// plane is the API server of this package's tests. No webhook is installed: what is refused here, the schema refuses.
var plane *controlplane.Plane

// api talks to plane, and knows no Go type of ours: what it sends and reads is what a user's manifest says.
var api client.Client

func TestMain(m *testing.M) {
	os.Exit(withPlane(m.Run))
}

// withPlane runs the tests while a control plane is up, and returns the exit code.
func withPlane(run func() int) (code int) {
	ctx := context.Background()
	var err error
	if plane, err = controlplane.Start(ctx, controlplane.Options{CRDPaths: []string{crdDir}}); err != nil {
		return fail(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			code = fail(err)
		}
	}()
	if api, err = client.New(plane.Config(), client.Options{}); err != nil {
		return fail(err)
	}
	return run()
}

func fail(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, err)
	return 1
}

// object is a manifest.
type object = unstructured.Unstructured

// manifest reads YAML as a user writes it.
func manifest(t *testing.T, text string) *object {
	t.Helper()
	parsed := &object{}
	if err := yaml.Unmarshal([]byte(text), &parsed.Object); err != nil {
		t.Fatalf("reading a manifest: %v", err)
	}
	return parsed
}

// change makes an object different.
type change func(*object)

// set gives the field at a dotted path a value, in YAML.
func set(path, value string) change {
	return func(o *object) {
		var parsed any
		if err := yaml.Unmarshal([]byte(value), &parsed); err != nil {
			panic(fmt.Sprintf("setting %s to %q: %v", path, value, err))
		}
		put(o, path, parsed)
	}
}

// text gives the field at a dotted path a string, exactly.
func text(path, value string) change {
	return func(o *object) { put(o, path, value) }
}

// list gives the field at a dotted path strings, exactly.
func list(path string, values ...string) change {
	return func(o *object) {
		items := make([]any, 0, len(values))
		for _, value := range values {
			items = append(items, value)
		}
		put(o, path, items)
	}
}

func put(o *object, path string, value any) {
	if err := unstructured.SetNestedField(o.Object, value, strings.Split(path, ".")...); err != nil {
		panic(fmt.Sprintf("setting %s: %v", path, err))
	}
}

// unset removes the field at a dotted path.
func unset(path string) change {
	return func(o *object) { unstructured.RemoveNestedField(o.Object, strings.Split(path, ".")...) }
}

// both makes several changes that only together are one.
func both(changes ...change) change {
	return func(o *object) {
		for _, c := range changes {
			if c != nil {
				c(o)
			}
		}
	}
}

// many returns n different strings from a format with one %d.
func many(n int, format string) []string {
	items := make([]string, 0, n)
	for i := range n {
		items = append(items, fmt.Sprintf(format, i))
	}
	return items
}

// row is one change of a valid object and the API server's judgement of it.
type row struct {
	change change
	// wantField and wantMessage are what the user is told. Both empty: the object is accepted.
	wantField   string
	wantMessage string
}

// unlocated is the field of what the API server says about the object as a whole: that it stopped looking, or, once
// more, that a number is of the wrong type.
const unlocated = "<nil>"

// judge creates each row's object in a dry run.
func judge(t *testing.T, base string, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := manifest(t, base)
			r.change(o)
			r.expect(t, api.Create(t.Context(), o, client.DryRunAll))
		})
	}
}

// transition is one update of a stored object and the API server's judgement of it.
type transition struct {
	before, after change
	row
}

// judgeUpdates creates each row's object, and updates it in a dry run.
func judgeUpdates(t *testing.T, base string, rows map[string]transition) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := stored(t, base, r.before)
			r.after(o)
			r.expect(t, api.Update(t.Context(), o, client.DryRunAll))
		})
	}
}

// stored creates an object for real, under a name of its own, until the test ends.
func stored(t *testing.T, base string, changes ...change) *object {
	t.Helper()
	o := manifest(t, base)
	o.SetGenerateName(o.GetName() + "-")
	o.SetName("")
	both(changes...)(o)
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatalf("creating the object to change: %v", err)
	}
	t.Cleanup(func() {
		if err := api.Delete(context.WithoutCancel(t.Context()), o); client.IgnoreNotFound(err) != nil {
			t.Errorf("removing the object: %v", err)
		}
	})
	return o
}

// expect compares the API server's answer with the row: that field and no other, and the sentence.
func (r row) expect(t *testing.T, err error) {
	t.Helper()
	if r.wantField == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("accepted; want a refusal of %s: %s", r.wantField, r.wantMessage)
	}
	told := false
	for _, cause := range causesOf(t, err) {
		if cause.Field != r.wantField {
			t.Errorf("refused %s as well: %s", cause.Field, cause.Message)
		}
		told = told || strings.Contains(cause.Message, r.wantMessage)
	}
	if !told {
		t.Errorf("refused: %v\nwant %s: %s", err, r.wantField, r.wantMessage)
	}
}

// causesOf returns what the API server found wrong and where.
func causesOf(t *testing.T, err error) []metav1.StatusCause {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) || status.Status().Details == nil {
		t.Fatalf("want a 422 of the API server, got: %v", err)
	}
	return slices.DeleteFunc(status.Status().Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Field == unlocated
	})
}

// addListBounds adds the rows that hold for every bounded set of strings: format makes items of allowed characters.
func addListBounds(rows map[string]row, path, format string, maxItems, maxLength int) {
	first := many(1, format)[0]
	longest := first + strings.Repeat("0", maxLength-len(first))
	add := func(name string, r row) { rows[fmt.Sprintf("%s %s", path, name)] = r }

	add("may be empty", row{change: list(path)})
	add(fmt.Sprintf("may have %d items", maxItems), row{change: list(path, many(maxItems, format)...)})
	add(fmt.Sprintf("cannot have %d items", maxItems+1), row{
		list(path, many(maxItems+1, format)...), path, fmt.Sprintf("must have at most %d items", maxItems),
	})
	add("has no item twice", row{list(path, first, first), path + "[1]", fmt.Sprintf("Duplicate value: %q", first)})
	add("has no empty item", row{list(path, ""), path + "[0]", "chars long"})
	add("has items as long as allowed", row{change: list(path, longest)})
	add("has no longer items", row{
		list(path, longest+"0"), path + "[0]", fmt.Sprintf("may not be more than %d bytes", maxLength),
	})
}

// addEnums adds a row for each value of each field, and one for a value that is none.
func addEnums(rows map[string]row, fields map[string][]string) {
	for path, values := range fields {
		for _, value := range values {
			rows[path+" may be "+value] = row{change: text(path, value)}
		}
		wantValues := `supported values: "` + strings.Join(values, `", "`) + `"`
		rows[path+" has no other value"] = row{text(path, "Sometimes"), path, wantValues}
		rows[path+" is not a boolean"] = row{set(path, "true"), path, "must be of type string"}
	}
}
