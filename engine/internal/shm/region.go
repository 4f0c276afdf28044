package shm

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The views below hide the header's geometry and stamp behind copies of their
// own, taken when the region was opened: a stray store into a header later on
// reaches no process that runs.

// Host is a mapped host region, writable only in the host.
type Host struct {
	*HostRegion
	mapping
	Geo     Geometry
	Stamp   Stamp
	fold    uint64 // of the stamp
	Records []LogRecord
}

// Player is a mapped player region, writable only in the player.
type Player struct {
	*PlayerRegion
	mapping
	Geo    Geometry
	fold   uint64 // of the stamp
	Seals  []Seal
	Queue  []PlayerEvent
	stride int
}

// Ring is a mapped ring, writable only in the worker that owns it.
type Ring struct {
	*RingRegion
	mapping
	Geo    Geometry
	Stamp  Stamp
	stride int
}

// ErrStamp is returned for a region that was made by another build, for another
// layout or for another patch.
var ErrStamp = errors.New("made by another build, layout or patch")

func (h *head) init(magic uint64, s Stamp, g Geometry) {
	h.Magic, h.Stamp, h.Geo = magic, s, g
	h.Ready.Store(1)
}

// open maps the region behind f and checks it. Geometry and stamp are those of
// the host's region or, if host is nil because this is the host's region, those
// in the header itself.
//
// A region of another process, which is opened for reading, is checked for its
// size only. The host made it, so its header can only be wrong because its
// writer has damaged it, and must then harm no other process; what its entries
// hold is believed by their checksums, which cover the stamp.
func open(f *os.File, write bool, magic uint64, size func(Geometry) int, host *Host) (mapping, error) {
	mem, err := mapFile(f, write)
	if err != nil {
		return nil, err
	}
	if host != nil && !write {
		err = large(mem, f.Name(), size(host.Geo))
	} else {
		err = check(mem, f.Name(), magic, size, host)
	}
	if err != nil {
		_ = mem.Close()
		return nil, err
	}
	return mem, nil
}

func large(mem mapping, name string, size int) error {
	if len(mem) < size {
		return fmt.Errorf("shm: %s: %d bytes, its geometry needs %d", name, len(mem), size)
	}
	return nil
}

func check(mem mapping, name string, magic uint64, size func(Geometry) int, host *Host) error {
	if len(mem) < page {
		return fmt.Errorf("shm: %s: %d bytes, too small for a header", name, len(mem))
	}
	h := (*head)(unsafe.Pointer(&mem[0]))
	geo, stamp := h.Geo, NewStamp(h.Stamp.Epoch)
	if host != nil {
		geo, stamp = host.Geo, host.Stamp
	}
	switch {
	case h.Ready.Load() != 1 || h.Magic != magic:
		return fmt.Errorf("shm: %s: not a Chronus region", name)
	case h.Stamp != stamp || h.Stamp.Layout != layoutHash():
		return fmt.Errorf("shm: %s: %w", name, ErrStamp)
	case host != nil && h.Geo != geo:
		return fmt.Errorf("shm: %s: its geometry is not the host's", name)
	}
	if err := geo.Validate(); err != nil {
		return err
	}
	return large(mem, name, size(geo))
}

// CreateHost makes and maps the host's region.
func CreateHost(g Geometry, s Stamp) (*os.File, *Host, error) {
	f, mem, err := create("host", g.hostSize(), true)
	if err != nil {
		return nil, nil, err
	}
	h := viewHost(mem, g, s)
	h.init(magicHost, s, g)
	return f, h, nil
}

// Renew writes the region's header again, for the processes that are started
// from now on. Only the host may call it.
func (h *Host) Renew() { h.init(magicHost, h.Stamp, h.Geo) }

// OpenHost maps the host's region for reading; geometry and stamp come from it.
func OpenHost(f *os.File) (*Host, error) {
	mem, err := open(f, false, magicHost, Geometry.hostSize, nil)
	if err != nil {
		return nil, err
	}
	r := (*HostRegion)(unsafe.Pointer(&mem[0]))
	return viewHost(mem, r.Geo, r.Stamp), nil
}

func viewHost(mem mapping, g Geometry, s Stamp) *Host {
	return &Host{
		HostRegion: (*HostRegion)(unsafe.Pointer(&mem[0])),
		mapping:    mem,
		Geo:        g,
		Stamp:      s,
		fold:       s.Fold(),
		Records:    unsafe.Slice((*LogRecord)(unsafe.Pointer(&mem[page])), g.LogRecords),
	}
}

// CreatePlayer makes the player's region and maps it for reading. It writes the
// header itself, before any player exists.
func CreatePlayer(g Geometry, s Stamp) (*os.File, *Player, error) {
	f, mem, err := create("player", g.playerSize(), true)
	if err != nil {
		return nil, nil, err
	}
	p := viewPlayer(mem, g, s)
	p.Primary.Store(-1)
	p.init(magicPlayer, s, g)
	if err := unix.Mprotect(mem, unix.PROT_READ); err != nil {
		_ = mem.Close()
		_ = f.Close()
		return nil, nil, fmt.Errorf("shm: protect player: %w", err)
	}
	return f, p, nil
}

// RenewPlayer writes the header of the player's region again, through the
// descriptor, for a player that is about to be started. The player before it
// must be dead.
func RenewPlayer(f *os.File, g Geometry, s Stamp) error {
	var h head
	h.init(magicPlayer, s, g)
	if _, err := f.WriteAt(unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h)), 0); err != nil {
		return fmt.Errorf("shm: write %s: %w", f.Name(), err)
	}
	return nil
}

// OpenPlayer maps the player's region. Only the player sets write.
func OpenPlayer(f *os.File, h *Host, write bool) (*Player, error) {
	mem, err := open(f, write, magicPlayer, Geometry.playerSize, h)
	if err != nil {
		return nil, err
	}
	return viewPlayer(mem, h.Geo, h.Stamp), nil
}

func viewPlayer(mem mapping, g Geometry, s Stamp) *Player {
	return &Player{
		PlayerRegion: (*PlayerRegion)(unsafe.Pointer(&mem[0])),
		mapping:      mem,
		Geo:          g,
		fold:         s.Fold(),
		Seals:        unsafe.Slice((*Seal)(unsafe.Pointer(&mem[sealOffset])), SealCount),
		Queue:        unsafe.Slice((*PlayerEvent)(unsafe.Pointer(&mem[eventOffset])), EventCount),
		stride:       g.deliveredStride(),
	}
}

// Delivered returns the place of a delivered block: header and samples.
func (p *Player) Delivered(block uint64) (*Delivered, []float32) {
	at := deliveredOffset + int(block%DeliveredCount)*p.stride
	d := (*Delivered)(unsafe.Pointer(&p.mapping[at]))
	samples := unsafe.Pointer(&p.mapping[at+int(unsafe.Sizeof(*d))])
	return d, unsafe.Slice((*float32)(samples), p.Geo.Samples())
}

// CreateRing makes the ring of a slot and maps it for reading; only the worker
// that owns it will write it.
func CreateRing(slot int, g Geometry, s Stamp) (*os.File, *Ring, error) {
	f, mem, err := create(fmt.Sprintf("ring-%d", slot), g.ringSize(), false)
	if err != nil {
		return nil, nil, err
	}
	if err := writeRingHead(f, s, g); err != nil {
		_ = mem.Close()
		_ = f.Close()
		return nil, nil, err
	}
	return f, viewRing(mem, g, s), nil
}

// writeRingHead stores a fresh header through the descriptor: the host never
// has a writable mapping of a ring.
func writeRingHead(f *os.File, s Stamp, g Geometry) error {
	var r RingRegion
	r.CPU.Store(-1)
	r.init(magicRing, s, g)
	if _, err := f.WriteAt(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), 0); err != nil {
		return fmt.Errorf("shm: write %s: %w", f.Name(), err)
	}
	return nil
}

// ZeroRing makes a dead worker's ring new. The caller must have seen the pidfd
// of its process report the death: until then the process's stores could still
// arrive. The entries go first, so that the new header never stands above the
// dead worker's blocks.
func ZeroRing(f *os.File, r *Ring) error {
	zero := make([]byte, r.stride)
	for i := range int(r.Geo.Ring) {
		if _, err := f.WriteAt(zero, int64(page+i*r.stride)); err != nil {
			return fmt.Errorf("shm: zero %s: %w", f.Name(), err)
		}
	}
	return writeRingHead(f, r.Stamp, r.Geo)
}

// OpenRing maps a ring. Only the worker that owns it sets write.
func OpenRing(f *os.File, h *Host, write bool) (*Ring, error) {
	mem, err := open(f, write, magicRing, Geometry.ringSize, h)
	if err != nil {
		return nil, err
	}
	return viewRing(mem, h.Geo, h.Stamp), nil
}

// ScratchRing returns a ring in private memory that no other process reads, for
// running a code path once before it matters. It must not be closed.
func ScratchRing(g Geometry) *Ring { return viewRing(make([]byte, g.ringSize()), g, Stamp{}) }

func viewRing(mem mapping, g Geometry, s Stamp) *Ring {
	return &Ring{
		RingRegion: (*RingRegion)(unsafe.Pointer(&mem[0])), mapping: mem, Geo: g, Stamp: s,
		stride: g.entryStride(),
	}
}

// Entry returns the place of a block in the ring: header, samples and the state
// after it.
func (r *Ring) Entry(block uint64) (*EntryHeader, []float32, []uint64) {
	at := page + int(block&uint64(r.Geo.Ring-1))*r.stride
	e := (*EntryHeader)(unsafe.Pointer(&r.mapping[at]))
	samples := unsafe.Slice((*float32)(unsafe.Pointer(&r.mapping[at+line])), r.Geo.Samples())
	if r.Geo.StateWords == 0 {
		return e, samples, nil
	}
	state := unsafe.Pointer(&r.mapping[at+line+align(r.Geo.Samples()*4, line)])
	return e, samples, unsafe.Slice((*uint64)(state), r.Geo.StateWords)
}
