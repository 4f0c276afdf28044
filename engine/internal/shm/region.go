package shm

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// create makes a memfd of size bytes that can neither grow nor shrink, with every page present.
func create(name string, size int) (*os.File, error) {
	fd, err := unix.MemfdCreate("chronus-"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("shm: create %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: size %s to %d bytes: %w", name, size, err)
	}
	// A page that has to be found when it is first touched costs 3 to 13 us, too much for a callback.
	if err := unix.Fallocate(fd, 0, 0, int64(size)); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: allocate %d bytes for %s: %w", size, name, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: seal %s: %w", name, err)
	}
	return f, nil
}

// ReadOnly opens the region behind f once more, without the right to write. The descriptor guards against strays, not
// against malice: who may open /proc/self/fd can have the right back.
func ReadOnly(f *os.File) (*os.File, error) {
	ro, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("shm: open %s read-only: %w", f.Name(), err)
	}
	return ro, nil
}

// Blob makes a region that holds data and can never be written again.
func Blob(name string, data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("chronus-"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("shm: create %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(data); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: write %s: %w", name, err)
	}
	seals := unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: seal %s: %w", name, err)
	}
	return f, nil
}

// ReadBlob reads all of a Blob, wherever its offset stands: descriptors share it.
func ReadBlob(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("shm: %s: %w", f.Name(), err)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("shm: read %s: %w", f.Name(), err)
	}
	return b, nil
}

// mapFile maps a whole region, with all pages in the page table.
func mapFile(f *os.File, write bool) ([]byte, error) {
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

// Lock keeps all memory of the process, now and later, from being paged out. Errors are for the log: an ordinary user's
// RLIMIT_MEMLOCK is often too small, and the engine plays without it.
func Lock() error { return lock(unix.MCL_CURRENT | unix.MCL_FUTURE) }

// LockPresent is Lock without what is mapped later: for a process whose libraries map more than a limit may allow, and fail
// where they cannot.
func LockPresent() error { return lock(unix.MCL_CURRENT) }

func lock(flags int) error {
	// ONFAULT: the Go runtime reserves far more address space than it uses.
	const onfault = 4 // MCL_ONFAULT
	if err := unix.Mlockall(flags | onfault); err != nil {
		return fmt.Errorf("shm: mlockall: %w", err)
	}
	return nil
}

// ErrStamp is returned for a region that was made by another build, for another layout or for another patch.
var ErrStamp = errors.New("made by another build, layout or patch")

func (h *head) init(magic uint64, s Stamp, g Geometry) {
	h.Magic, h.Stamp, h.Geo = magic, s, g
	h.Ready.Store(1)
}

func (h *head) check(name string, magic uint64, size, mem int, s *Stamp) error {
	switch {
	case h.Ready.Load() != 1 || h.Magic != magic:
		return fmt.Errorf("shm: %s: not a Chronus region", name)
	case s != nil && h.Stamp != *s:
		return fmt.Errorf("shm: %s: %w", name, ErrStamp)
	case h.Stamp.Layout != layoutHash():
		return fmt.Errorf("shm: %s: %w", name, ErrStamp)
	case mem < size:
		return fmt.Errorf("shm: %s: %d bytes, its geometry needs %d", name, mem, size)
	}
	return h.Geo.Validate()
}

// Host is a mapped host region. In the host it is writable, everywhere else reading is all it allows.
type Host struct {
	*HostRegion
	Records []LogRecord
	mem     []byte
}

// Player is a mapped player region, writable in the player.
type Player struct {
	*PlayerRegion
	Seals  []Seal
	Queue  []PlayerEvent
	stride int
	mem    []byte
}

// Ring is a mapped ring, writable in the worker that owns it.
type Ring struct {
	*RingRegion
	geo    Geometry
	stride int
	mem    []byte
}

// CreateHost makes and maps the host's region.
func CreateHost(g Geometry, s Stamp) (*os.File, *Host, error) {
	f, err := create("host", g.hostSize())
	if err != nil {
		return nil, nil, err
	}
	mem, err := mapFile(f, true)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	h := viewHost(mem, g)
	h.init(magicHost, s, g)
	return f, h, nil
}

// OpenHost maps the host's region for reading; geometry and stamp come from it.
func OpenHost(f *os.File) (*Host, error) {
	mem, err := mapFile(f, false)
	if err != nil {
		return nil, err
	}
	if len(mem) < page {
		return nil, fmt.Errorf("shm: %s: %d bytes, too small for a header", f.Name(), len(mem))
	}
	h := (*HostRegion)(unsafe.Pointer(&mem[0]))
	if err := h.check(f.Name(), magicHost, h.Geo.hostSize(), len(mem), nil); err != nil {
		return nil, err
	}
	if h.Stamp != NewStamp(h.Stamp.Epoch) {
		return nil, fmt.Errorf("shm: %s: %w", f.Name(), ErrStamp)
	}
	return viewHost(mem, h.Geo), nil
}

func viewHost(mem []byte, g Geometry) *Host {
	return &Host{
		HostRegion: (*HostRegion)(unsafe.Pointer(&mem[0])),
		Records:    unsafe.Slice((*LogRecord)(unsafe.Pointer(&mem[page])), g.LogRecords),
		mem:        mem,
	}
}

// CreatePlayer makes the player's region and maps it for reading; its header is written here, before any player is.
func CreatePlayer(g Geometry, s Stamp) (*os.File, *Player, error) {
	f, err := create("player", g.playerSize())
	if err != nil {
		return nil, nil, err
	}
	mem, err := mapFile(f, true)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	p := viewPlayer(mem, g)
	p.Primary.Store(-1)
	p.init(magicPlayer, s, g)
	if err := unix.Mprotect(mem, unix.PROT_READ); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("shm: protect player: %w", err)
	}
	return f, p, nil
}

// OpenPlayer maps the player's region, for writing in the player only.
func OpenPlayer(f *os.File, h *Host, write bool) (*Player, error) {
	mem, err := mapFile(f, write)
	if err != nil {
		return nil, err
	}
	if len(mem) < page {
		return nil, fmt.Errorf("shm: %s: %d bytes, too small for a header", f.Name(), len(mem))
	}
	p := (*PlayerRegion)(unsafe.Pointer(&mem[0]))
	if err := p.check(f.Name(), magicPlayer, p.Geo.playerSize(), len(mem), &h.Stamp); err != nil {
		return nil, err
	}
	return viewPlayer(mem, p.Geo), nil
}

func viewPlayer(mem []byte, g Geometry) *Player {
	return &Player{
		PlayerRegion: (*PlayerRegion)(unsafe.Pointer(&mem[0])),
		Seals:        unsafe.Slice((*Seal)(unsafe.Pointer(&mem[sealOffset])), SealCount),
		Queue:        unsafe.Slice((*PlayerEvent)(unsafe.Pointer(&mem[eventOffset])), EventCount),
		stride:       g.deliveredStride(),
		mem:          mem,
	}
}

// Delivered is the place of a delivered block: header and samples.
func (p *Player) Delivered(block uint64) (*Delivered, []float32) {
	at := deliveredOffset + int(block%DeliveredCount)*p.stride
	d := (*Delivered)(unsafe.Pointer(&p.mem[at]))
	return d, unsafe.Slice((*float32)(unsafe.Pointer(&p.mem[at+int(unsafe.Sizeof(*d))])), p.Geo.Samples())
}

// CreateRing makes a ring and maps it for reading; its owner will write it.
func CreateRing(slot int, g Geometry, s Stamp) (*os.File, *Ring, error) {
	f, err := create(fmt.Sprintf("ring-%d", slot), g.ringSize())
	if err != nil {
		return nil, nil, err
	}
	if err := writeRingHead(f, s, g); err != nil {
		f.Close()
		return nil, nil, err
	}
	mem, err := mapFile(f, false)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, viewRing(mem, g), nil
}

// writeRingHead stores a fresh header through the descriptor: the host never has a writable mapping of a ring.
func writeRingHead(f *os.File, s Stamp, g Geometry) error {
	var r RingRegion
	r.CPU.Store(-1)
	r.init(magicRing, s, g)
	if _, err := f.WriteAt(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), 0); err != nil {
		return fmt.Errorf("shm: write %s: %w", f.Name(), err)
	}
	return nil
}

// ZeroRing makes the ring of a dead worker new. The caller has seen the pidfd of its process say dead: until then its
// stores could still arrive. Entries go first, so that the header never stands above somebody else's blocks.
func ZeroRing(f *os.File, r *Ring) error {
	zero := make([]byte, r.stride)
	for i := range int(r.geo.Ring) {
		if _, err := f.WriteAt(zero, int64(page+i*r.stride)); err != nil {
			return fmt.Errorf("shm: zero %s: %w", f.Name(), err)
		}
	}
	return writeRingHead(f, r.Stamp, r.geo)
}

// OpenRing maps a ring, for writing in the worker that owns it only.
func OpenRing(f *os.File, h *Host, write bool) (*Ring, error) {
	mem, err := mapFile(f, write)
	if err != nil {
		return nil, err
	}
	if len(mem) < page {
		return nil, fmt.Errorf("shm: %s: %d bytes, too small for a header", f.Name(), len(mem))
	}
	r := (*RingRegion)(unsafe.Pointer(&mem[0]))
	if err := r.check(f.Name(), magicRing, h.Geo.ringSize(), len(mem), &h.Stamp); err != nil {
		return nil, err
	}
	return viewRing(mem, h.Geo), nil
}

// ScratchRing is a ring of private memory that nobody reads: to run a code path once before it matters.
func ScratchRing(g Geometry) *Ring { return viewRing(make([]byte, g.ringSize()), g) }

func viewRing(mem []byte, g Geometry) *Ring {
	return &Ring{RingRegion: (*RingRegion)(unsafe.Pointer(&mem[0])), geo: g, stride: g.entryStride(), mem: mem}
}

// Entry is the place of a block in the ring: header, samples and the state after it.
func (r *Ring) Entry(block uint64) (*EntryHeader, []float32, []uint64) {
	at := page + int(block&uint64(r.geo.Ring-1))*r.stride
	samples := at + line
	state := samples + align(r.geo.Samples()*4, line)
	e := (*EntryHeader)(unsafe.Pointer(&r.mem[at]))
	if r.geo.StateWords == 0 {
		return e, unsafe.Slice((*float32)(unsafe.Pointer(&r.mem[samples])), r.geo.Samples()), nil
	}
	return e, unsafe.Slice((*float32)(unsafe.Pointer(&r.mem[samples])), r.geo.Samples()),
		unsafe.Slice((*uint64)(unsafe.Pointer(&r.mem[state])), r.geo.StateWords)
}

// Close unmaps the region; nothing of it may be used afterwards.
func (h *Host) Close() error { return unix.Munmap(h.mem) }

// Close unmaps the region; nothing of it may be used afterwards.
func (p *Player) Close() error { return unix.Munmap(p.mem) }

// Close unmaps the region; nothing of it may be used afterwards.
func (r *Ring) Close() error { return unix.Munmap(r.mem) }
