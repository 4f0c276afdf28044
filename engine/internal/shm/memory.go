package shm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memfd makes a memfd, has fill give it its contents, and seals it. A memfd
// that is sealed against resizing cannot make another process's access a
// SIGBUS.
func memfd(name string, seals int, fill func(*os.File) error) (*os.File, error) {
	fd, err := unix.MemfdCreate("chronus-"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("shm: create %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := fill(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	seals |= unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("shm: seal %s: %w", name, err)
	}
	return f, nil
}

// create makes a region of size bytes, with every page present, and maps it.
func create(name string, size int, write bool) (*os.File, mapping, error) {
	f, err := memfd(name, 0, func(f *os.File) error {
		if err := f.Truncate(int64(size)); err != nil {
			return fmt.Errorf("shm: size %s to %d bytes: %w", name, size, err)
		}
		// A page that must be allocated when it is first touched costs 3 to
		// 13 us, too much for a callback.
		if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(size)); err != nil {
			return fmt.Errorf("shm: allocate %d bytes for %s: %w", size, name, err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	mem, err := mapFile(f, write)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, mem, nil
}

// ReadOnly opens the region behind f again, without the right to write. The
// descriptor guards against stray stores, not against malice: a process that
// may open /proc/self/fd can regain that right.
func ReadOnly(f *os.File) (*os.File, error) {
	ro, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("shm: open %s read-only: %w", f.Name(), err)
	}
	return ro, nil
}

// Blob makes a region that holds data and can never be written again.
func Blob(name string, data []byte) (*os.File, error) {
	return memfd(name, unix.F_SEAL_WRITE, func(f *os.File) error {
		if _, err := f.Write(data); err != nil {
			return fmt.Errorf("shm: write %s: %w", name, err)
		}
		return nil
	})
}

// ReadBlob reads a whole Blob. It ignores the file offset, which all
// descriptors of a Blob share.
func ReadBlob(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("shm: size of %s: %w", f.Name(), err)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("shm: read %s: %w", f.Name(), err)
	}
	return b, nil
}

// mapping is a mapped region.
type mapping []byte

// Close unmaps the region, of which nothing may be used afterwards.
func (m mapping) Close() error { return unix.Munmap(m) }

// mapFile maps a whole region, with all its pages in the page table.
func mapFile(f *os.File, write bool) (mapping, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("shm: map %s: %w", f.Name(), err)
	}
	prot := unix.PROT_READ
	if write {
		prot |= unix.PROT_WRITE
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), prot, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("shm: map %s: %w", f.Name(), err)
	}
	return mem, nil
}

// Lock locks all memory of the process, present and future, into RAM. An error
// is only worth a log line: an ordinary user's RLIMIT_MEMLOCK is often too
// small, and the engine plays without the lock.
func Lock() error { return lock(unix.MCL_CURRENT | unix.MCL_FUTURE) }

// LockPresent is Lock without memory that is mapped later, for a process whose
// libraries may map more than the limit allows and fail if they cannot.
func LockPresent() error { return lock(unix.MCL_CURRENT) }

func lock(flags int) error {
	// ONFAULT because the Go runtime reserves far more address space than it
	// uses.
	const onfault = 4 // MCL_ONFAULT
	if err := unix.Mlockall(flags | onfault); err != nil {
		return fmt.Errorf("shm: mlockall: %w", err)
	}
	return nil
}
