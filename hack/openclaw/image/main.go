// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command image prints the script that makes a fresh machine what a snapshot is taken of; see docs/droplet-inside.md.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/cedros-io/open-spawn/internal/userdata"
)

func main() {
	var archive userdata.Archive
	var mirror, amd64, arm64 string
	flag.StringVar(&archive.Version, "version", "", "the `version` of OpenClaw on the image")
	flag.StringVar(&amd64, "amd64", "", "the SHA-256 of its archive for amd64, as hack/openclaw/archive prints it")
	flag.StringVar(&arm64, "arm64", "", "the SHA-256 of its archive for arm64")
	flag.StringVar(&mirror, "mirror", "", "the https `URL` under which the archives are")
	flag.Parse()
	archive.SHA256 = map[string]string{"amd64": amd64, "arm64": arm64}
	script, err := userdata.Image(archive, mirror)
	if err == nil {
		_, err = fmt.Print(script)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}
