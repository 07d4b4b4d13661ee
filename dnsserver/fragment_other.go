//go:build !linux

package dnsserver

import "net"

// dontFragment does nothing: answers are short enough for every sane path.
func dontFragment(net.PacketConn) error { return nil }
