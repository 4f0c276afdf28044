package player

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/quiet"
	"chronus/engine/internal/shm"
	"chronus/engine/sink/wavfile"
)

const (
	keepEvery = 20 * time.Millisecond
	// tidyEvery is after how many of these the file's header is brought up to date, and how often a file that cannot be
	// written is tried again: 50 are a second.
	tidyEvery = 50
	// keepBehind is how far the file may fall behind before blocks are given up for it: their place in the region is
	// about to be used again.
	keepBehind = shm.DeliveredCount - 64
)

// soundFile is where the wav sink copies what was delivered to. The blocks lie in shared memory: what a player that died had
// delivered is written by the next one, and what a full or slow disk does not take is tried again, for as long as it lies there.
// The music goes on meanwhile, and blocks that are given up are silence in the file and counted.
type soundFile struct {
	region *shm.Player
	path   string        // "": there is none
	file   *wavfile.File // nil: not open yet, or it cannot be opened
	failed bool          // the host has been told so
}

func newSoundFile(sink string, region *shm.Player) *soundFile {
	path, _ := strings.CutPrefix(sink, "wav:")
	if path == sink {
		path = ""
	}
	return &soundFile{region: region, path: path}
}

// open goes on with the file, which the host has begun, or a player that died. Emptying it would take the header away, for a
// moment, from whoever reads along. Only where nothing was written yet it may be begun anew: somebody has removed it.
func (s *soundFile) open() (err error) {
	g := &s.region.Geo
	s.file, err = wavfile.Reopen(s.path, int(g.Rate), int(g.Channels), int(g.Frames))
	if err != nil && s.region.Written.Load() == 0 {
		s.file, err = wavfile.Open(s.path, int(g.Rate), int(g.Channels), int(g.Frames))
	}
	return err
}

// keep copies delivered blocks to the file, if there is one, until done is closed and all of them are there. It has a thread of
// its own, so that a slow disk is never heard. Once a second it publishes what the process has allocated, but for what a driver did
// while it said that it was busy.
func (s *soundFile) keep(busy *atomic.Bool, done <-chan struct{}) {
	var allocs quiet.Allocs
	every, tidyEvery := keepEvery, tidyEvery
	if s.path == "" { // nothing to do but to count
		every, tidyEvery = keepEvery*time.Duration(tidyEvery), 1
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i++ {
		last, tidy := false, i%tidyEvery == 0
		select {
		case <-done:
			last = true
		case <-tick.C:
		}
		if s.path != "" && (last || tidy || !s.failed) {
			s.report(s.write(last, tidy))
		}
		if last {
			return
		}
		if i > 0 && tidy {
			if busy.Swap(false) {
				allocs.Skip()
			}
			s.region.Allocs.Store(allocs.Read())
			s.region.Collected.Store(allocs.Collections())
		}
	}
}

// write brings the file up to what was delivered.
func (s *soundFile) write(last, tidy bool) error {
	if s.file == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	err := s.blocks()
	if last {
		return errors.Join(err, s.file.Close())
	}
	if err == nil && tidy {
		err = s.file.Flush()
	}
	return err
}

func (s *soundFile) blocks() error {
	for b := s.region.Written.Load(); ; b++ {
		playout := s.region.Playout.Load() // anew each time: the disk may have held up the block before for long
		if b >= playout {
			return nil
		}
		if playout > b+keepBehind {
			given := playout - keepBehind - b
			s.region.Unwritten.Add(given)
			b += given
		}
		_, samples := s.region.Delivered(b)
		if err := s.file.WriteBlock(b, samples); err != nil {
			return err // tried again, from where there is something left to write
		}
		s.region.Written.Store(b + 1)
	}
}

// report tells the host of a file that cannot be written, or, with nil, can again.
func (s *soundFile) report(err error) {
	if s.failed = err != nil; !s.failed {
		s.region.SinkError.Store(0)
		return
	}
	var errno unix.Errno // on the heap, so only where there is something to tell
	switch {
	case errors.As(err, &errno):
		s.region.SinkError.Store(uint32(errno))
	case errors.Is(err, io.ErrShortWrite):
		s.region.SinkError.Store(uint32(unix.ENOSPC))
	default:
		s.region.SinkError.Store(uint32(unix.EIO))
	}
}
