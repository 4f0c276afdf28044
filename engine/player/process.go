package player

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"

	"chronus/engine/failpoint"
	"chronus/engine/quiet"
	"chronus/engine/roster"
	"chronus/engine/shm"
	"chronus/engine/sink"
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
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGPIPE) // the terminal speaks to the host, and may be gone
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
	file := newSoundFile(name, region)
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
		file.keep(done)
		close(kept)
	}()
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM) // to all processes at once, from whoever ends a container: a fade then too
	go func() {
		<-term
		p.Stop()
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
