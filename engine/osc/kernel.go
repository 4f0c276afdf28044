package osc

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelDrops counts the datagrams that reached a socket but not the program.
// They do not pass through Serve, so the figure is read from the socket when it
// is asked for.
type kernelDrops struct {
	granted int // bytes

	mu    sync.Mutex
	raw   syscall.RawConn // nil once the socket is closed
	last  uint32          // the kernel's count when last read; it wraps
	total uint64
}

// open asks the kernel for a large receive buffer. It may grant less: at most
// net.core.rmem_max (doubled, see socket(7)) to a process without
// CAP_NET_ADMIN.
func (k *kernelDrops) open(c syscall.Conn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	k.raw = raw
	_ = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		k.granted, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
}

// count returns the number of datagrams lost so far.
func (k *kernelDrops) count() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read()
	return k.total
}

// close counts the datagrams that wait and will not be received any more.
func (k *kernelDrops) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.raw == nil {
		return
	}
	k.read()
	_ = k.raw.Control(func(fd uintptr) {
		// Bounded, because a flood may go on.
		for range 2 * receiveBuffer / 768 {
			if _, _, err := unix.Recvfrom(int(fd), nil, unix.MSG_DONTWAIT); err != nil {
				return
			}
			k.total++
		}
	})
	k.read()
	k.raw = nil
}

// read adds what the kernel dropped since the last call. Its count is that of
// SO_RXQ_OVFL, but SO_MEMINFO gives it without a datagram to carry it
// (sock_diag(7), SK_MEMINFO_DROPS).
func (k *kernelDrops) read() {
	if k.raw == nil {
		return
	}
	const drops = 8
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = k.raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && size == uint32(unsafe.Sizeof(info)) {
			k.total += uint64(info[drops] - k.last)
			k.last = info[drops]
		}
	})
}
