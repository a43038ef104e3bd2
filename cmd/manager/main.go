// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command manager runs the controllers of open-spawn.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/options"
)

// usageError is the exit code of a program that was called wrongly.
const usageError = 2

func main() {
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	settings, err := options.ParseManager(os.Args[1:], os.LookupEnv, fs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(usageError)
	}
	if err := run(ctrl.SetupSignalHandler(), settings); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, settings options.Manager) error {
	level := map[string]zapcore.Level{
		"error": zapcore.ErrorLevel, "info": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
	}[settings.LogLevel]
	// An error that is expected of a cloud, such as a 401, says enough without the stack that met it.
	logger := zap.New(zap.Level(level), zap.StacktraceLevel(zapcore.DPanicLevel))
	ctrl.SetLogger(logger)
	cfg, err := kubeconfig(settings.Kubeconfig)
	if err != nil {
		return fmt.Errorf("--kubeconfig: %w", err)
	}
	mgr, err := manager.New(ctx, manager.Options{
		Settings: settings, Config: cfg, Clock: clock.RealClock{}, Logger: logger,
	})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func kubeconfig(path string) (*rest.Config, error) {
	if path == "" {
		return config.GetConfig()
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	// As GetConfig has it: the API server's own fairness is the limit, not the five requests a second of client-go.
	cfg.QPS = -1
	return cfg, nil
}
