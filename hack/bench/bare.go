// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

// bareVariable makes this program the bare server: "address certificate key".
const bareVariable = "OPENSPAWN_BENCH_BARE"

const (
	bareAnswer = `{"run":true,"configVersion":1,"nextHeartbeatSeconds":30}`
	// bareHeader bounds reading a header, as every server of ours does.
	bareHeader = 5 * time.Second
	// listenPause is between two looks whether it listens.
	listenPause = 100 * time.Millisecond
)

// serveBare reads what is sent and answers as many bytes as the gateway does, and nothing else: what net/http and TLS
// cost by themselves. A request for a config is held until its client goes.
func serveBare(settings string) error {
	parts := strings.Fields(settings)
	const wanted = 3
	if len(parts) != wanted {
		return fmt.Errorf("%s: want an address, a certificate and a key", bareVariable)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			<-r.Context().Done()
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, bareAnswer)
	})
	server := &http.Server{
		Addr: parts[0], Handler: handler, ReadHeaderTimeout: bareHeader, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ErrorLog: log.New(io.Discard, "", 0), // connections that only ask whether it listens
	}
	return server.ListenAndServeTLS(parts[1], parts[2])
}

// bare is the bare server, in a process of its own.
type bare struct{ cmd *exec.Cmd }

func startBare(ctx context.Context, address string, gateway *localrun.Gateway) (*bare, error) {
	prefix := strings.TrimSuffix(gateway.CAFile, "-ca.pem")
	cmd := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), bareVariable+"="+address+" "+prefix+".pem "+prefix+"-key.pem")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the bare server: %w", err)
	}
	b := &bare{cmd}
	if err := listens(ctx, address); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

// listens waits until somebody takes connections there.
func listens(ctx context.Context, address string) (err error) {
	const tries = 100
	for range tries {
		var connection net.Conn
		if connection, err = new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
			return connection.Close()
		}
		pause(ctx, listenPause)
	}
	return fmt.Errorf("waiting for the bare server: %w", err)
}

func (b *bare) stop() error {
	err := b.cmd.Process.Kill()
	_ = b.cmd.Wait() // it says that it was killed
	if errors.Is(err, os.ErrProcessDone) {
		return errors.New("the bare server has ended by itself")
	}
	return err
}
