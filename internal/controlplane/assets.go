// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// assetsVariable names a directory of programs to use instead of those we build, as everywhere with envtest.
const assetsVariable = "KUBEBUILDER_ASSETS"

// pinFile says, below the repository's root, which Kubernetes the control plane is built from.
var pinFile = filepath.Join("hack", "controlplane", "go.mod")

// AssetsDir returns the directory with etcd, kube-apiserver and kubectl: KUBEBUILDER_ASSETS, or bin/k8s/<version>.
func AssetsDir() (string, error) {
	dir := os.Getenv(assetsVariable)
	if dir == "" {
		root, version, err := pin()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "bin", "k8s", version)
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := program(dir, name); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// Version returns the Kubernetes version that hack/controlplane pins, such as v1.37.2.
func Version() (string, error) {
	_, version, err := pin()
	return version, err
}

// program returns the path of a program in dir, and tells how to get it if it is not there.
func program(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() {
		return path, nil
	}
	if os.Getenv(assetsVariable) != "" {
		return "", fmt.Errorf("finding %s in %s=%s: not there; unset %[2]s and run `make controlplane`",
			name, assetsVariable, dir)
	}
	return "", fmt.Errorf("finding %s in %s: not there; run `make controlplane`", name, dir)
}

// pin finds the repository's root above the working directory, and the version pinned in it.
func pin() (root, version string, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		version, err := pinnedVersion(filepath.Join(dir, pinFile))
		if err == nil {
			return dir, version, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", "", fmt.Errorf("finding %s above the working directory: not there; "+
				"run from the repository after `make controlplane`, or set %s", pinFile, assetsVariable)
		}
		dir = parent
	}
}

// pinnedVersion reads the version of k8s.io/kubernetes that the module file requires.
func pinnedVersion(path string) (string, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", fmt.Errorf("reading the pinned Kubernetes version: %w", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == "k8s.io/kubernetes" {
			return fields[1], nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("reading the pinned Kubernetes version: %w", err)
	}
	return "", fmt.Errorf("reading the pinned Kubernetes version: %s requires no k8s.io/kubernetes", path)
}
