// Package capability reads the capabilities of the calling process; see
// capabilities(7). It does not change any.
package capability

import "golang.org/x/sys/unix"

// Effective reports whether the capability c, such as unix.CAP_IPC_LOCK, is in
// force.
func Effective(c uint) bool {
	return get()[c/32].Effective>>(c%32)&1 != 0
}

// Permitted reports whether the process may put the capability c into force or
// bequeath it.
func Permitted(c uint) bool {
	return get()[c/32].Permitted>>(c%32)&1 != 0
}

// get reads the two words that version 3 of the system call has of each set.
// A kernel that refuses leaves them zero.
func get() (data [2]unix.CapUserData) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_ = unix.Capget(&hdr, &data[0])
	return data
}
