// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e is a bot's whole life with all that it has in the world: a real control plane, our programs, agents on
// simulated machines, and the real OpenClaw, which talks to a model that stands in for those there are. It needs
// `make openclaw`, and says so where that has not been run.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/localrun/stage"
	"github.com/cedros-io/open-spawn/internal/modelsim"
	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/telegramsim"
)

// What the test has; nothing where OpenClaw is not installed.
var (
	shared *stage.Stage
	model  *modelsim.Model
	people *telegramsim.Telegram
)

// botToken is what Telegram knows the bot by.
const botToken = "123456:AAAA"

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	flag.Parse()
	installed, err := installed()
	if err != nil {
		fmt.Fprintln(os.Stderr, "SKIPPED, because OpenClaw is not installed; `make openclaw` installs it:", err)
		os.Exit(0)
	}
	code := 1
	if err := raise(context.Background(), installed); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	model.Close()
	people.Close()
	if err := shared.Strike(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// installed is where `make openclaw` has put every version.
func installed() (string, error) {
	root, err := localrun.Root()
	if err != nil {
		return "", err
	}
	directory := filepath.Join(root, "bin", "openclaw")
	for _, version := range openclaw.Supported() {
		if _, err := os.Stat(filepath.Join(directory, version, ".installed")); err != nil {
			return "", err
		}
	}
	return directory, nil
}

func raise(ctx context.Context, openClaw string) (err error) {
	shared, model, people = &stage.Stage{}, modelsim.NewTLS(), telegramsim.New(botToken)
	authority := filepath.Join(os.TempDir(), fmt.Sprintf("open-spawn-e2e-%d.pem", os.Getpid()))
	if err := os.WriteFile(authority, model.Authority(), 0o600); err != nil {
		return err
	}
	shared, err = stage.Raise(ctx, stage.Options{
		Gateways:     []string{"one"},
		ManagerFlags: []string{"--inventory-interval=1s"},
		SimulatorFlags: []string{
			"--openclaw=" + openClaw, "--openclaw-ca-file=" + authority, "--openclaw-telegram-url=" + people.URL,
		},
	})
	return err
}
