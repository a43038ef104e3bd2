// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"os"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// Env names the file that describes the API.
const Env = "DO_OPENAPI"

// load reads the description once for all tests of a package, because it is large.
var load = sync.OnceValues(func() (routers.Router, error) {
	path := os.Getenv(Env)
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the API description %q: %w", path, err)
	}
	doc.Servers = nil // the simulator is somewhere else
	for _, schema := range doc.Components.Schemas {
		silenceOnNull(schema, map[*openapi3.Schema]bool{})
	}
	// The published examples do not match their own schemas everywhere, and they are not what is being checked.
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
	if err != nil {
		return nil, fmt.Errorf("understanding the API description %q: %w", path, err)
	}
	return router, nil
})

// strict is how both directions are checked. Defaults are not filled in, because what was sent is what is judged.
func strict() *openapi3filter.Options {
	return &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		MultiError:            true,
		IncludeResponseStatus: true,
		SkipSettingDefaults:   true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.DisableSchemaErrorDetails(),
			openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
				"ipv4": openapi3.NewIPValidator(true),
				"ipv6": openapi3.NewIPValidator(false),
				"uuid": openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122),
			}),
		},
	}
}

// silenceOnNull mends the reading of a part of allOf that holds a description only: OpenAPI 3.0.3 says that a schema
// without a type does not forbid null, and the validator that it does. The contract's next_backup_window needs it.
func silenceOnNull(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	schema := ref.Value
	seen[schema] = true
	for _, part := range schema.AllOf {
		if v := part.Value; part.Ref == "" && v.Type == nil && len(v.AllOf)+len(v.AnyOf)+len(v.OneOf)+len(v.Required) == 0 {
			v.Nullable = true
		}
		silenceOnNull(part, seen)
	}
	for _, property := range schema.Properties {
		silenceOnNull(property, seen)
	}
	silenceOnNull(schema.Items, seen)
}
