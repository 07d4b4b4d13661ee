package dnsserver

import (
	"net"
	"syscall"
	"testing"
)

// Standards 4.10: what we send is not fragmented on its way.
func TestDontFragment(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	newServer(t, testConfig(t)).Listeners(pc, nil)
	raw, err := pc.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	var optErr error
	err = raw.Control(func(fd uintptr) {
		got, optErr = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER)
	})
	if err != nil || optErr != nil || got != syscall.IP_PMTUDISC_PROBE {
		t.Errorf("path MTU discovery is %d, %v, %v; want %d", got, err, optErr, syscall.IP_PMTUDISC_PROBE)
	}
}
