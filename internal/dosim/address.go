// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"encoding/binary"
	"net/netip"
)

// publicBlocks are the networks that documentation and benchmarks may use, in the order in which they are used:
// no address that a simulated droplet shows belongs to anybody.
var publicBlocks = []netip.Prefix{
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
}

// firstHost leaves out the network and its gateway.
const firstHost = 2

// address is what a droplet gets. Everything but the private address may be empty; the reserved IPv6 address becomes
// its v6 when IPv6 is enabled.
type address struct{ public, gateway, private, v6, reserved string }

// addresses gives out addresses by counting, so the same requests get the same addresses.
type addresses struct{ given int }

// next gives the addresses of one droplet in a private network.
func (a *addresses) next(private netip.Prefix) address {
	n := a.given
	a.given++
	public := publicHost(n)
	gateway := public.As4()
	gateway[3] = 1
	return address{
		private:  host(private, firstHost+n%hosts(private)).String(),
		public:   public.String(),
		gateway:  netip.AddrFrom4(gateway).String(),
		reserved: v6(n).String(),
	}
}

// publicHost is the nth public address. When all are used up, after 131,000 droplets, it begins again.
func publicHost(n int) netip.Addr {
	all := 0
	for _, block := range publicBlocks {
		all += hosts(block)
	}
	n %= all
	for _, block := range publicBlocks {
		if n < hosts(block) {
			return host(block, firstHost+n)
		}
		n -= hosts(block)
	}
	return netip.Addr{} // cannot be: n is less than the sum of all blocks
}

// hosts is how many droplets fit into a network: all addresses but its own, the gateway's and the one for broadcast.
func hosts(network netip.Prefix) int { return 1<<(32-network.Bits()) - firstHost - 1 }

func host(network netip.Prefix, n int) netip.Addr {
	base := network.Masked().Addr().As4()
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], binary.BigEndian.Uint32(base[:])+uint32(n)) //nolint:gosec // n < 2^24
	return netip.AddrFrom4(sum)
}

func v6(n int) netip.Addr {
	base := netip.MustParseAddr("2001:db8::").As16()
	binary.BigEndian.PutUint32(base[12:], uint32(n)+firstHost) //nolint:gosec // fewer droplets than IPv4 addresses
	return netip.AddrFrom16(base)
}
