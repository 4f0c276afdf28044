package player

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/failpoint"
	"chronus/engine/quiet"
	"chronus/engine/roster"
	"chronus/engine/shm"
	"chronus/engine/sink"
	"chronus/engine/sink/wavfile"
)

// Descriptors a player is started with.
const (
	FDHost    = 3 + iota // host region, read-only
	FDPlayer             // player region, writable
	FDControl            // a socket to the host: a byte stops the player, its end says that the host is gone
	FDRings              // all rings in the order of slots, read-only
)

// Main is a player executable: `chronus-player clock` or `chronus-player wav:FILE`, with the descriptors above; with a driver
// `chronus-portaudio portaudio`, or `portaudio:DEVICE`. A second argument, "verbose", lets the device's libraries speak. log is
// for error messages. It returns the exit code: 0 after an ordered stop or the host's end.
func Main(args []string, drive Driver, log *os.File) int {
	runtime.LockOSThread()
	quiet.Begin()
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGPIPE) // the terminal speaks to the host
	if len(args) == 0 || len(args) > 2 {
		fmt.Fprintln(log, "started by chronus, with a sink; not by hand")
		return 2
	}
	if err := run(args[0], drive, len(args) == 2, log); err != nil {
		fmt.Fprintf(log, "player pid %d: %v\n", os.Getpid(), err)
		return 1
	}
	return 0
}

func run(name string, drive Driver, verbose bool, log *os.File) error {
	host, err := shm.OpenHost(os.NewFile(FDHost, "host"))
	if err != nil {
		return err
	}
	region, err := shm.OpenPlayer(os.NewFile(FDPlayer, "player"), host, true)
	if err != nil {
		return err
	}
	rings := make([]*shm.Ring, host.Geo.Slots)
	for i := range rings {
		if rings[i], err = shm.OpenRing(os.NewFile(uintptr(FDRings+i), fmt.Sprintf("ring %d", i)), host, false); err != nil {
			return err
		}
	}
	file, err := openFile(name, host.Geo, region.Playout.Load() > 0)
	if err != nil {
		return err
	}
	quiet.Threads(8)
	failpoint.Watch(&host.Failpoint, failpoint.PlayerSlot)
	// The host has said in one line what is not granted.
	if drive == nil {
		_ = shm.Lock()
	} else {
		_ = shm.LockPresent()
	}
	if host.Geo.Fifo != 0 {
		_ = shm.FifoAll(shm.PriorityRenderer)
	}
	if host.Geo.Fifo != 0 && shm.Fifo(0, shm.PriorityPlayer) == nil {
		region.Fifo.Store(1)
	} else {
		region.Fifo.Store(0)
	}

	p := New(roster.Roster{Host: host, Player: region, Rings: rings})
	var busy atomic.Bool
	socket := os.NewFile(FDControl, "control")
	done, kept, driven := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go listen(socket, p)
	go func() {
		keep(region, file, &busy, done)
		close(kept)
	}()
	var dev *sink.Device
	if device, ok := deviceOf(name); ok && drive != nil {
		dev = sink.NewDevice(p, host.Geo, entered(host), func(g sink.Grid, begins bool) { anchor(region, g, begins) })
		stream := Stream{
			Device: dev, Name: device, Rate: int(host.Geo.Rate), Frames: int(host.Geo.Frames), Block: time.Duration(host.Geo.BlockNS()),
			Done: done, Log: log, Verbose: verbose, Busy: &busy,
			Report: func(state, detail string, latency time.Duration) {
				_, _ = fmt.Fprintf(socket, "%s\t%d\t%s\n", state, latency, detail)
			},
		}
		go func() {
			drive(stream)
			close(driven)
		}()
	} else {
		close(driven)
	}
	sink.Clock(p, host.Geo, dev, func(g sink.Grid) { anchor(region, g, true) })
	close(done)
	<-kept
	<-driven
	return nil
}

// anchor publishes a point of the grid that blocks are due on, and where the grid began.
func anchor(region *shm.Player, g sink.Grid, begins bool) {
	region.SetAnchor(g.At, g.NS)
	if begins {
		region.OriginAt.Store(g.At)
		region.OriginNS.Store(g.NS)
	}
}

// listen waits for the host's word. Whatever arrives, or the end of the socket, stops the player: with the host gone
// nobody would ever stop it.
func listen(control *os.File, p *Player) {
	var b [1]byte
	for {
		_, err := control.Read(b[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		p.Stop()
		return
	}
}

func openFile(name string, g shm.Geometry, again bool) (*wavfile.File, error) {
	path, ok := strings.CutPrefix(name, "wav:")
	if !ok {
		return nil, nil
	}
	open := wavfile.Open
	if again {
		open = wavfile.Reopen
	}
	return open(path, int(g.Rate), int(g.Channels), int(g.Frames))
}

const (
	keepEvery = 20 * time.Millisecond
	// keepBehind is how far the file may fall behind before blocks are given up for it: their place in the region is
	// about to be used again.
	keepBehind = shm.DeliveredCount - 64
)

// keep copies delivered blocks to the file, if there is one, on a thread of its own, so that a slow disk is never heard.
// The blocks lie in shared memory: what a player that died had delivered is written by the next one. Once a second it
// publishes what the process has allocated.
func keep(region *shm.Player, file *wavfile.File, busy *atomic.Bool, done <-chan struct{}) {
	var allocs quiet.Allocs
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		last := false
		select {
		case <-done:
			last = true
		case <-tick.C:
		}
		if file != nil {
			writeFile(region, file)
			if last || i%int(time.Second/keepEvery) == 0 {
				report(region, file.Flush())
			}
		}
		if last {
			if file != nil {
				report(region, file.Close())
			}
			return
		}
		if i > 0 && i%int(time.Second/keepEvery) == 0 {
			if busy.Swap(false) {
				allocs.Skip()
			}
			region.Allocs.Store(allocs.Read())
		}
	}
}

func writeFile(region *shm.Player, file *wavfile.File) {
	playout := region.Playout.Load()
	b := region.Written.Load()
	if playout > keepBehind {
		b = max(b, playout-keepBehind)
	}
	for ; b < playout; b++ {
		_, samples := region.Delivered(b)
		if err := file.WriteBlock(b, samples); err != nil {
			report(region, err)
			return // tried again at the next tick, from the same block
		}
		region.Written.Store(b + 1)
	}
}

// report tells the host of a sink that cannot be written, or, with nil, can again.
func report(region *shm.Player, err error) {
	var errno unix.Errno
	switch {
	case err == nil:
		region.SinkError.Store(0)
	case errors.As(err, &errno):
		region.SinkError.Store(uint32(errno))
	case errors.Is(err, io.ErrShortWrite):
		region.SinkError.Store(uint32(unix.ENOSPC))
	default:
		region.SinkError.Store(uint32(unix.EIO))
	}
}
