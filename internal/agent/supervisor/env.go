// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`)
	escape       = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`)
	errBrokenEnv = errors.New("the file with its environment is broken")
)

// FormatEnv writes variables so that systemd reads them as an EnvironmentFile, and ParseEnv as well.
func FormatEnv(variables map[string]string) ([]byte, error) {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if !variableName.MatchString(name) {
			return nil, fmt.Errorf("%q is no name of an environment variable", name)
		}
		if strings.ContainsRune(variables[name], 0) {
			return nil, fmt.Errorf("the value of %s contains a zero byte, which no environment variable can", name)
		}
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, escape.Replace(variables[name]))
	}
	return b.Bytes(), nil
}

// ParseEnv reads what FormatEnv has written.
func ParseEnv(content []byte) (map[string]string, error) {
	variables := map[string]string{}
	for rest := string(content); rest != ""; {
		name, quoted, found := strings.Cut(rest, `="`)
		value, after, closed := unquote(quoted)
		if !found || !closed || !variableName.MatchString(name) || !strings.HasPrefix(after, "\n") {
			return nil, errBrokenEnv
		}
		variables[name], rest = value, after[1:]
	}
	return variables, nil
}

// unquote reads up to the quotation mark that is not escaped.
func unquote(quoted string) (value, after string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; {
		case c == '"':
			return b.String(), quoted[i+1:], true
		case c == '\\' && i+1 < len(quoted):
			i++
			b.WriteByte(quoted[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
