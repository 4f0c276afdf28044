package player

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
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

// Main is the player executable: `chronus-player clock` or `chronus-player wav:FILE`, with the descriptors above. It
// returns the exit code: 0 after an ordered stop or the host's end.
func Main(args []string) int {
	runtime.LockOSThread()
	quiet.Begin()
	signal.Ignore(unix.SIGINT, unix.SIGHUP) // the terminal speaks to the host
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "chronus-player: started by chronus, with a sink; not by hand")
		return 2
	}
	if err := run(args[0]); err != nil {
		fmt.Fprintf(os.Stderr, "player pid %d: %v\n", os.Getpid(), err)
		return 1
	}
	return 0
}

func run(name string) error {
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
	_ = shm.Lock() // the host has said in one line what is not granted
	if host.Geo.Fifo != 0 {
		_ = shm.FifoAll(shm.PriorityRenderer)
	}
	if host.Geo.Fifo != 0 && shm.Fifo(0, shm.PriorityPlayer) == nil {
		region.Fifo.Store(1)
	} else {
		region.Fifo.Store(0)
	}

	p := New(roster.Roster{Host: host, Player: region, Rings: rings})
	done, kept := make(chan struct{}), make(chan struct{})
	go listen(os.NewFile(FDControl, "control"), p)
	go func() {
		keep(region, file, done)
		close(kept)
	}()
	sink.Clock(p, host.Geo, func(g sink.Grid) {
		region.AnchorAt.Store(g.At)
		region.AnchorNS.Store(g.NS)
	})
	close(done)
	<-kept
	return nil
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
func keep(region *shm.Player, file *wavfile.File, done <-chan struct{}) {
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
