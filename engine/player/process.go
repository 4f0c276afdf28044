package player

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/comm"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/quiet"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

// Descriptors that a player is started with.
const (
	FDHost    = 3 + iota // host region, read-only
	FDPlayer             // player region, writable
	FDControl            // a socket to the host, see listen
	FDRings              // all rings in the order of slots, read-only
)

// Main is a player executable, with the descriptors above. args are the name of
// a sink, such as "clock" or "wav:FILE", and those of sink.Options. drive opens
// the device of a sink that has one; nil in an executable without devices.
// Error messages go to log. Main returns the exit code: 0 after an ordered stop
// or the host's end.
func Main(args []string, drive sink.Driver, log *os.File) int {
	runtime.LockOSThread()
	comm.Set(filepath.Base(os.Args[0]))
	quiet.Begin()
	// The terminal is the host's business, and may be gone.
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGPIPE)
	if len(args) == 0 {
		fmt.Fprintln(log, "started by chronus, with a sink; not by hand")
		return 2
	}
	spec, err := sink.Parse(args[0])
	if err != nil {
		fmt.Fprintln(log, err)
		return 2
	}
	options, err := sink.ParseOptions(args[1:])
	if err != nil {
		fmt.Fprintln(log, err)
		return 2
	}
	if err := run(spec, drive, options, log); err != nil {
		fmt.Fprintf(log, "player pid %d: %v\n", os.Getpid(), err)
		return 1
	}
	return 0
}

func run(spec sink.Spec, drive sink.Driver, options sink.Options, log *os.File) error {
	all, err := roster.Open(FDHost, FDPlayer, FDRings, true)
	if err != nil {
		return err
	}
	host, region := all.Host, all.Player
	quiet.Threads(8)
	failpoint.Watch(&host.Failpoint, failpoint.PlayerSlot)
	prioritize(host, region, drive != nil)

	p := New(all)
	var busy atomic.Bool
	socket := os.NewFile(FDControl, "control")
	done, kept, driven := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go listen(socket, p)
	go func() {
		file := soundFile{region: region, sink: spec}
		file.keep(&busy, done)
		close(kept)
	}()
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM) // every process gets it when a container ends: fade out
	go func() {
		<-term
		p.Stop()
	}()
	var dev *sink.Device
	if spec.Device && drive != nil {
		dev = sink.NewDevice(p, host.Geo, entered(host), func(g sink.Grid, begins bool) {
			p.Anchor(g.At, g.NS, begins)
		})
		stream := sink.Stream{
			Device: dev, Name: spec.Value, Done: done, Log: log, Options: options, Busy: &busy,
			Channels: int(host.Geo.Channels),
			Rate:     int(host.Geo.Rate), Frames: int(host.Geo.Frames),
			Block: time.Duration(host.Geo.BlockNS()),
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
	p.Ready()
	sink.Clock(p, host.Geo, dev, func(g sink.Grid) { p.Anchor(g.At, g.NS, true) })
	close(done)
	<-kept
	<-driven
	return nil
}

// prioritize locks the memory of the process and raises its threads, the
// calling one to the priority of the callback. The host has already reported
// what is not granted, so errors are dropped. With a device, only what is
// mapped by now is locked: its libraries map more than a limit may allow, and
// fail if they cannot.
func prioritize(host *shm.Host, region *shm.Player, device bool) {
	if device {
		_ = shm.LockPresent()
	} else {
		_ = shm.Lock()
	}
	fifo := uint32(0)
	if host.Geo.Fifo != 0 {
		_ = shm.FifoAll(shm.PriorityRenderer)
		if shm.Fifo(0, shm.PriorityPlayer) == nil {
			fifo = 1
		}
	}
	region.Fifo.Store(fifo)
}

// entered returns what a device's thread does first: take the priority of the
// callback.
func entered(host *shm.Host) func() {
	return func() {
		if host.Geo.Fifo != 0 {
			_ = shm.Fifo(0, shm.PriorityPlayer)
		}
	}
}

// listen waits for the host. Whatever arrives on the socket stops the player,
// and so does its end: with the host gone nothing else would ever stop it.
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
