package dnsserver

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// dontFragment sets DF on what a UDP socket sends and ignores what ICMP claims
// of the path, which anyone can forge (standards 4.10, RFC 9715). Answers fit
// the least MTU of IPv6 anyway. A socket of two families takes both options,
// one of a single family only its own.
func dontFragment(pc net.PacketConn) error {
	c, ok := pc.(*net.UDPConn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	var err4, err6 error
	err = raw.Control(func(fd uintptr) {
		err4 = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_PROBE)
		err6 = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER, syscall.IPV6_PMTUDISC_PROBE)
	})
	switch {
	case err != nil:
		return fmt.Errorf("reach socket: %w", err)
	case err4 != nil && err6 != nil:
		return fmt.Errorf("set path MTU discovery: %w", errors.Join(err4, err6))
	}
	return nil
}
