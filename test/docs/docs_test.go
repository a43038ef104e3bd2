// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package docs proves that what people read leads somewhere.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const repository = "../.."

// A reason that a person meets, and cannot look up, is of no use.
func TestEveryReasonIsInTheRunbooks(t *testing.T) {
	index := read(t, filepath.Join(repository, "docs", "runbooks", "README.md"))
	found := reasons(t)
	if len(found) < 40 {
		t.Fatalf("only %d reasons were found", len(found))
	}
	for reason, doc := range found {
		row := regexp.MustCompile(`(?m)^\|[^|]*\b` + reason + `\b[^|]*\|`).FindString(index)
		needsPerson := strings.Contains(doc, "(Stalled)")
		if !needsPerson && !strings.Contains(doc, "(Reconciling)") {
			continue
		}
		if row == "" {
			t.Errorf("docs/runbooks/README.md has no row for %s: %s", reason, doc)
		} else if needsPerson && !strings.Contains(row, "**!**") {
			t.Errorf("docs/runbooks/README.md does not say that %s needs a person", reason)
		}
	}
}

// reasons are the values of all constants of the API whose names end in Reason, with what is said of them.
func reasons(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "api", "v1alpha1", "*_conditions.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasSuffix(spec.Names[0].Name, "Reason") {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				if value, err := strconv.Unquote(literal.Value); err == nil {
					found[value] = strings.Join(strings.Fields(spec.Doc.Text()), " ")
				}
			}
			return true
		})
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// dropped is what a heading loses on its way into an anchor.
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(read(t, page), -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, ":") || strings.Contains(target, "MMMM") { // elsewhere, or in the template
				continue
			}
			links++
			path := page
			if target != "" {
				path = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s leads nowhere", page, match[1])
			} else if anchor != "" && !anchors(t, path)[anchor] {
				t.Errorf("%s: %s has no such heading", page, match[1])
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

// pages are all pages in the root of the repository and under docs.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(repository, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// anchors are those of a page's headings, as GitHub makes them.
func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(read(t, page), -1) {
		found[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-")] = true
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
