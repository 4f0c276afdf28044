package player

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/quiet"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
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
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGPIPE) // the terminal speaks to the host, and may be gone
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
	all, err := roster.Open(FDHost, FDPlayer, FDRings, true)
	if err != nil {
		return err
	}
	host, region := all.Host, all.Player
	file := newSoundFile(name, region)
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

	p := New(all)
	var busy atomic.Bool
	socket := os.NewFile(FDControl, "control")
	done, kept, driven := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go listen(socket, p)
	go func() {
		file.keep(&busy, done)
		close(kept)
	}()
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM) // to all processes at once, from whoever ends a container: a fade then too
	go func() {
		<-term
		p.Stop()
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
