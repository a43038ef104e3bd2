// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	proxyproto "github.com/pires/go-proxyproto"

	"github.com/cedros-io/open-spawn/internal/gateway/limit"
)

// moreConnections is how many connections there may be besides those of the requests that are held.
const moreConnections = 10000

// capped is a listener that closes what is too much. Who waits in a line that never ends would be no better off.
type capped struct {
	net.Listener

	open *limit.Pool
}

// Accept gives the next connection for which there is room.
func (l capped) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Enter() {
			return &counted{Conn: connection, leave: sync.OnceFunc(l.open.Leave)}, nil
		}
		_ = connection.Close() // it is new: nothing was said on it
	}
}

// counted is a connection that makes room when it is closed.
type counted struct {
	net.Conn

	leave func()
}

// Close closes the connection.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// behindProxies has connections of trusted proxies say who their client is, in version 1 or 2: DigitalOcean's regional
// load balancers speak 1 only. Nobody else is asked, or believed.
func behindProxies(listener net.Listener, trusted []netip.Prefix) net.Listener {
	if len(trusted) == 0 {
		return listener
	}
	return &proxyproto.Listener{
		Listener: listener, ReadHeaderTimeout: headerTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if isTrusted(o.Upstream, trusted) {
				return proxyproto.USE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

func isTrusted(peer net.Addr, trusted []netip.Prefix) bool {
	from, err := netip.ParseAddrPort(peer.String())
	return err == nil && slices.ContainsFunc(trusted, func(network netip.Prefix) bool {
		return network.Contains(from.Addr().Unmap().WithZone(""))
	})
}

// listen opens the socket that machines connect to.
func (g *Gateway) listen(s Serving, certificate certificates) (net.Listener, error) {
	socket, err := net.Listen("tcp", s.Listen) //nolint:noctx // it is closed with the server
	if err != nil {
		return nil, fmt.Errorf("listening for machines: %w", err)
	}
	room := limit.NewPool(g.o.MaxWatches + moreConnections)
	return tls.NewListener(behindProxies(capped{socket, room}, s.TrustedProxies), &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: certificate, NextProtos: []string{"http/1.1"},
	}), nil
}

// certificates gives the certificate as it is now.
type certificates func(*tls.ClientHelloInfo) (*tls.Certificate, error)
