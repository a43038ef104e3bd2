// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// freeJSON is the one field whose content is OpenClaw's business; its sections are chosen by a rule.
const freeJSON = "Bot.spec.openclaw.config[*]"

// longestSentence is how long a message may be and still be read.
const longestSentence = 240

func TestSchemasAreBoundedAndDescribed(t *testing.T) {
	t.Parallel()
	for kind, crd := range definitions(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
			w := walker{t: t}
			w.describes(kind, kind, root.Description)
			w.rules(kind, root)
			for _, name := range []string{"spec", "status"} {
				w.property(kind, name, root.Properties[name])
			}
		})
	}
}

func TestDefinitionsFollowTheHouse(t *testing.T) {
	t.Parallel()
	scopes := map[string]apiextensionsv1.ResourceScope{
		"Account": apiextensionsv1.ClusterScoped,
		"Bot":     apiextensionsv1.NamespaceScoped,
		"Droplet": apiextensionsv1.NamespaceScoped,
	}
	found := definitions(t)
	for kind, scope := range scopes {
		crd, ok := found[kind]
		if !ok {
			t.Errorf("%s has no definition", kind)
			continue
		}
		if crd.Spec.Scope != scope || !slices.Contains(crd.Spec.Names.Categories, "open-spawn") {
			t.Errorf("%s is %s in %v, want %s in open-spawn", kind, crd.Spec.Scope, crd.Spec.Names.Categories, scope)
		}
		version := crd.Spec.Versions[0]
		if version.Name != "v1alpha1" || version.Subresources == nil || version.Subresources.Status == nil {
			t.Errorf("%s %s has no status subresource", kind, version.Name)
		}
		root := version.Schema.OpenAPIV3Schema
		if !slices.Contains(root.Required, "spec") {
			t.Errorf("%s does not require its spec", kind)
		}
		status := root.Properties["status"]
		if status.Default == nil || string(status.Default.Raw) != `{"observedGeneration":-1}` {
			t.Errorf("%s is current before it was observed: its status has no default", kind)
		}
		conditions := status.Properties["conditions"]
		if listType := ptr.Deref(conditions.XListType, ""); listType != "map" ||
			!slices.Equal(conditions.XListMapKeys, []string{"type"}) {
			t.Errorf("%s: status.conditions is no map by type", kind)
		}
	}
	if len(found) != len(scopes) {
		t.Errorf("%d definitions, want %d", len(found), len(scopes))
	}
}

// definitions reads the generated CustomResourceDefinitions by kind.
func definitions(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(crdDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(content, crd); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		found[crd.Spec.Names.Kind] = crd
	}
	return found
}

// walker visits every field of a schema.
type walker struct {
	t *testing.T
	// inList tells that the field is part of a list item.
	inList bool
}

type props = apiextensionsv1.JSONSchemaProps

// property checks a named field and all below it.
func (w walker) property(parent, name string, schema props) {
	path := parent + "." + name
	w.describes(path, name, schema.Description)
	if name == "phase" {
		w.t.Errorf("%s: conditions instead of a phase", path)
	}
	if name == "conditions" {
		// Kubernetes' own type: what is in it is not ours to describe.
		w.list(path, schema)
		return
	}
	w.value(path, schema)
}

// value checks a field, list item or map value, and all below it.
func (w walker) value(path string, schema props) {
	w.rules(path, &schema)
	if w.inList && schema.Default != nil {
		w.t.Errorf("%s: a default inside a list is unclear to server-side apply", path)
	}
	switch schema.Type {
	case "string":
		w.text(path, schema)
	case "integer":
		w.integer(path, schema)
	case "array":
		w.list(path, schema)
		items := w
		items.inList = true
		items.value(path+"[]", *schema.Items.Schema)
	case "object":
		w.fields(path, schema)
	default:
		w.t.Errorf("%s is a %q: enums instead of booleans, whole numbers instead of floats", path, schema.Type)
	}
}

func (w walker) text(path string, schema props) {
	if len(schema.Enum) == 0 && schema.Format == "" && schema.MaxLength == nil {
		w.t.Errorf("%s: a string without enum, format or maxLength", path)
	}
}

func (w walker) integer(path string, schema props) {
	if schema.Format != "int32" && schema.Format != "int64" {
		w.t.Errorf("%s: an integer of format %q", path, schema.Format)
	}
	if strings.Contains(path, ".spec.") && schema.Minimum == nil {
		w.t.Errorf("%s: a number that a user writes, without a minimum", path)
	}
}

func (w walker) list(path string, schema props) {
	if schema.MaxItems == nil {
		w.t.Errorf("%s: a list without maxItems", path)
	}
	if schema.XListType == nil {
		w.t.Errorf("%s: a list without x-kubernetes-list-type", path)
	}
}

func (w walker) fields(path string, schema props) {
	if schema.XPreserveUnknownFields != nil && *schema.XPreserveUnknownFields {
		if path != freeJSON {
			w.t.Errorf("%s: anything may be in it", path)
		}
		return
	}
	if schema.AdditionalProperties != nil {
		if schema.MaxProperties == nil {
			w.t.Errorf("%s: a map without maxProperties", path)
		}
		w.value(path+"[*]", *schema.AdditionalProperties.Schema)
	}
	for name, property := range schema.Properties {
		w.property(path, name, property)
	}
}

// describes checks that a description begins with the name that a user writes.
func (w walker) describes(path, name, description string) {
	first, _, _ := strings.Cut(strings.TrimSpace(description), " ")
	if first != name {
		w.t.Errorf("%s: its description begins with %q", path, first)
	}
}

// rules checks that each rule says in a sentence what is wrong, and where.
func (w walker) rules(path string, schema *props) {
	for _, rule := range schema.XValidations {
		if rule.Message == "" || len(rule.Message) > longestSentence || strings.Contains(rule.Message, "\n") {
			w.t.Errorf("%s: the rule %q has no sentence for its user, or a long one", path, rule.Rule)
		}
		aboutItself := schema.Type != "object" || rule.Rule == "self == oldSelf"
		if !aboutItself && rule.FieldPath == "" {
			w.t.Errorf("%s: the rule %q does not say which field is wrong", path, rule.Rule)
		}
	}
}
