// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Command gateway is the HTTPS server that the machines of open-spawn call.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cedros-io/open-spawn/internal/gateway"
	"github.com/cedros-io/open-spawn/internal/options"
	"github.com/cedros-io/open-spawn/internal/version"
)

// usageError is the exit code of a program that was called wrongly.
const usageError = 2

func main() {
	fs := flag.NewFlagSet("gateway", flag.ContinueOnError)
	settings, err := options.ParseGateway(os.Args[1:], os.LookupEnv, fs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(usageError)
	}
	if err := run(ctrl.SetupSignalHandler(), settings); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, settings options.Gateway) error {
	level := map[string]zapcore.Level{
		"error": zapcore.ErrorLevel, "info": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
	}[settings.LogLevel]
	logger := zap.New(zap.Level(level), zap.StacktraceLevel(zapcore.DPanicLevel))
	ctrl.SetLogger(logger)
	client, err := connect(settings.Kubeconfig)
	if err != nil {
		return fmt.Errorf("--kubeconfig: %w", err)
	}
	name, err := nameOf(settings)
	if err != nil {
		return err
	}
	meters := gateway.NewMeters()
	if err := metrics.Registry.Register(meters); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	g, err := gateway.New(gateway.Options{
		Name: name, Client: client, Namespace: settings.DeliveryNamespace, AgentDir: settings.AgentDir,
		LeaseWritesPerSecond: settings.LeaseWritesPerSecond, MaxWatches: settings.MaxWatches, Meters: meters,
		Clock: clock.RealClock{}, Logger: logger,
	})
	if err != nil {
		return err
	}
	logger.Info("starting", "version", version.Version(), "name", name)
	return g.Serve(ctx, gateway.Serving{
		Listen: settings.Listen, CertFile: settings.TLSCertFile, KeyFile: settings.TLSKeyFile,
		TrustedProxies: settings.TrustedProxies, Probes: address(settings.HealthProbeBindAddress),
		Metrics: address(settings.MetricsBindAddress), Gatherer: metrics.Registry, DrainDelay: settings.DrainDelay,
	})
}

// connect makes the client. The API server's own fairness is the limit of what it asks, besides our own.
func connect(kubeconfig string) (kubernetes.Interface, error) {
	cfg, err := config.GetConfig()
	if kubeconfig != "" {
		cfg, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, err
	}
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	return kubernetes.NewForConfig(cfg)
}

// nameOf is the replica's name.
func nameOf(settings options.Gateway) (string, error) {
	if settings.Name != "" {
		return settings.Name, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("--name is not set, and the host has none: %w", err)
	}
	name, _, _ := strings.Cut(strings.ToLower(host), ".")
	return name, nil
}

// address is where to serve, empty for 0: nowhere.
func address(setting string) string {
	if setting == "0" {
		return ""
	}
	return setting
}
