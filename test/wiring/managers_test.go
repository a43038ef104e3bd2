// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/options"
)

// flags are those of every manager. The simulator has no limit, and its clock cannot be moved. Webhooks are served only
// where a test wants them: elsewhere Bots are created with no manager there to be asked.
func (w *world) flags() []string {
	return []string{
		"--webhook-bind-address=0",
		"--digitalocean-url=" + w.road.URL, "--digitalocean-token-file=" + w.tokenFile,
		"--settle-window=" + settleWindow.String(), "--digitalocean-calls-per-minute=1000000",
		"--gateway-url=https://gateway.invalid", // a stand-in is heard in its place, and in that of the machines
	}
}

// startEmbedded runs a manager in this process, where the race detector sees it, with the rights of config/rbac. It
// runs until stop or the end of the test.
func (w *world) startEmbedded(t *testing.T) (stop func()) {
	t.Helper()
	config, err := shared.plane.ServiceAccountConfig(t.Context(), localrun.SystemNamespace, "manager")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := options.ParseManager(append(w.flags(), "--inventory-interval=1s",
		"--leader-election-namespace="+localrun.SystemNamespace, "--metrics-bind-address=0", "--health-probe-bind-address=0",
	), func(string) (string, bool) { return "", false }, flag.NewFlagSet("manager", flag.ContinueOnError))
	if err != nil {
		t.Fatal(err)
	}
	log := w.newLog(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	mgr, err := manager.New(ctx, manager.Options{
		Settings: settings, Config: config, Clock: clock.RealClock{}, Embedded: true,
		Logger: zap.New(zap.Level(zapcore.DebugLevel), zap.WriteTo(log)),
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the manager ended with: %v", err)
			}
		case <-time.After(soonEnough):
			t.Error("the manager does not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

func (w *world) newLog(t *testing.T) *os.File {
	t.Helper()
	log, err := os.Create(filepath.Join(w.dir, "manager-"+rand.String(5)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	w.logs = append(w.logs, log.Name())
	return log
}

// child is the shipped program, running.
type child struct {
	// probe and metrics are where it can be asked how it is.
	probe, metrics string
	log            string

	cmd   *exec.Cmd
	ended chan struct{}
}

// startChild runs the program with the rights of config/rbac, and returns when it is ready. More flags win over ours.
func (w *world) startChild(t *testing.T, flags ...string) *child {
	t.Helper()
	kubeconfig, err := shared.plane.ServiceAccountKubeconfig(t.Context(), localrun.SystemNamespace, "manager")
	if err != nil {
		t.Fatal(err)
	}
	probe, metrics := freeAddress(t), freeAddress(t)
	ours := append(w.flags(), "--kubeconfig="+kubeconfig, "--log-level=debug",
		"--health-probe-bind-address="+probe, "--metrics-bind-address="+metrics)
	c := w.launch(t, w.variables, append(ours, flags...)...)
	c.probe, c.metrics = "http://"+probe, "http://"+metrics+"/metrics"
	c.becomesReady(t)
	return c
}

// launch starts the program with exactly these flags and variables, in a process group of its own.
func (w *world) launch(t *testing.T, env []string, flags ...string) *child {
	t.Helper()
	log := w.newLog(t)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), shared.binary, flags...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, log: log.Name(), ended: make(chan struct{})}
	dismiss := startGuard(t, cmd.Process.Pid)
	go func() {
		_ = cmd.Wait() // how it ended is asked of the process state
		dismiss()
		close(c.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-c.ended
	})
	return c
}

// startGuard kills a child if this process dies without its cleanups, as it does when a test runs out of time.
func startGuard(t *testing.T, pid int) (dismiss func()) {
	t.Helper()
	const script = `if read -r line; then exit 0; fi; kill -9 "$1" 2>/dev/null`
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "/bin/sh", "-c", script, "guard", fmt.Sprint(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, _ = io.WriteString(input, "done\n")
		_ = cmd.Wait()
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func (c *child) becomesReady(t *testing.T) {
	t.Helper()
	eventually(t, "the manager is ready", soonEnough, func(ctx context.Context) error {
		select {
		case <-c.ended:
			t.Fatalf("the manager has ended with %s:\n%s", c.cmd.ProcessState, localrun.Tail(c.log, 10))
		default:
		}
		_, err := get(ctx, c.probe+"/readyz")
		return err
	})
}

// get reads a page that must be answered with 200.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, response.Status, body)
	}
	return string(body), errors.Join(err, response.Body.Close())
}

func (c *child) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the program's end and returns its exit code, which is -1 when a signal ended it.
func (c *child) ends(t *testing.T) int {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(soonEnough):
		t.Fatalf("the manager does not end; its log ends with\n%s", localrun.Tail(c.log, 10))
	}
	return c.cmd.ProcessState.ExitCode()
}

// logs waits until the log has a line with these words.
func (c *child) logs(t *testing.T, words string) {
	t.Helper()
	eventually(t, "the log says "+words, soonEnough, func(context.Context) error {
		if content := readLog(t, c.log); !strings.Contains(content, words) {
			return fmt.Errorf("it ends with\n%s", localrun.Tail(c.log, 3))
		}
		return nil
	})
}

func readLog(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
