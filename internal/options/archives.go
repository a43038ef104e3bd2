// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Archives are the digests of OpenClaw's archives, by version and by architecture. As a flag they are what sha256sum
// prints for their files.
type Archives map[string]map[string]string

var (
	digestPattern  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	archivePattern = regexp.MustCompile(`^openclaw-([0-9][0-9A-Za-z.-]{0,62})-linux-([a-z0-9]+)\.tar\.gz$`)
)

// architectures are those that machines may have.
func architectures() []string { return []string{"amd64", "arm64"} }

// String implements flag.Value.
func (a *Archives) String() string {
	if a == nil {
		return ""
	}
	var lines []string
	for _, version := range slices.Sorted(maps.Keys(*a)) {
		builds := (*a)[version]
		for _, kind := range slices.Sorted(maps.Keys(builds)) {
			lines = append(lines, fmt.Sprintf("%s  openclaw-%s-linux-%s.tar.gz", builds[kind], version, kind))
		}
	}
	return strings.Join(lines, ",")
}

// Set implements flag.Value. What was set before counts for nothing.
func (a *Archives) Set(value string) error {
	read := Archives{}
	for _, line := range strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == ',' }) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := read.add(line); err != nil {
			return err
		}
	}
	if *a = nil; len(read) > 0 {
		*a = read
	}
	return nil
}

// add reads one line as sha256sum prints it: a digest, and a file that may have a path and a * before it.
func (a *Archives) add(line string) error {
	digest, file, _ := strings.Cut(line, " ")
	file = path.Base(strings.TrimPrefix(strings.TrimSpace(file), "*"))
	match := archivePattern.FindStringSubmatch(file)
	switch {
	case !digestPattern.MatchString(digest):
		return fmt.Errorf("%q does not begin with 64 hexadecimal digits, as a line of sha256sum does", line)
	case match == nil:
		return fmt.Errorf("%q is not called openclaw-VERSION-linux-ARCHITECTURE.tar.gz", file)
	case !slices.Contains(architectures(), match[2]):
		return fmt.Errorf("%s: machines are %s", file, strings.Join(architectures(), " or "))
	}
	version, architecture := match[1], match[2]
	if known := (*a)[version][architecture]; known != "" && known != digest {
		return errors.New(file + " is there twice, with two digests")
	}
	if (*a)[version] == nil {
		(*a)[version] = map[string]string{}
	}
	(*a)[version][architecture] = digest
	return nil
}
