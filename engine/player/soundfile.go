package player

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/quiet"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

const (
	keepEvery = 20 * time.Millisecond
	// tidyEvery is after how many intervals of keepEvery the file's header is
	// brought up to date, and a file that could not be written is tried again:
	// once per second.
	tidyEvery = 50
	// keepBehind is how many blocks the file may fall behind before blocks are
	// given up: beyond it, their place in the region is about to be reused.
	keepBehind = shm.DeliveredCount - 64
)

// soundFile copies the delivered blocks to the file of a sink that has one. The
// blocks lie in shared memory: what a player had delivered when it died is
// written by the next one, and what a full or slow disk does not take is tried
// again for as long as it lies there. The music goes on meanwhile; blocks that
// are given up are silence in the file, and counted.
type soundFile struct {
	region  *shm.Player
	sink    sink.Spec
	file    sink.File // nil: not open yet, or it cannot be opened
	failed  bool      // the host has been told so
	written uint64    // blocks below it are in the file, or were given up
	lacks   uint64    // blocks that were given up
}

// open resumes the file that the host, or a player that died, has begun.
// Emptying it would take the header away for a moment, under the eyes of a
// reader. It is begun anew only if nothing has been written yet: then it has
// been removed.
func (s *soundFile) open() error {
	g := &s.region.Geo
	shape := sink.Shape{Rate: int(g.Rate), Channels: int(g.Channels), Frames: int(g.Frames)}
	f, err := s.sink.File.Resume(s.sink.Value, shape)
	if err != nil && s.region.Written.Load() == 0 {
		f, err = s.sink.File.Create(s.sink.Value, shape)
	}
	if err != nil {
		return err
	}
	// The file itself says best what is in it: a predecessor may have died
	// between a block and the count, or with a stray bit in the count.
	s.file, s.written, s.lacks = f, min(f.Blocks(), s.region.Played()), s.region.Unwritten.Load()
	return nil
}

// keep copies delivered blocks to the file, if the sink has one, until done is
// closed and all of them are written. It has a thread of its own, so that a
// slow disk is never heard. Once per second it also publishes what the process
// has allocated, except for what a driver allocated while busy was set.
func (s *soundFile) keep(busy *atomic.Bool, done <-chan struct{}) {
	var allocs quiet.Allocs
	every, tidyEvery := keepEvery, tidyEvery
	if s.sink.File == nil { // nothing to do but to count
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
		if s.sink.File != nil && (last || tidy || !s.failed) {
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

// write brings the file up to what was delivered, and closes it if last is set.
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
	for {
		s.region.Unwritten.Store(s.lacks)
		s.region.Written.Store(s.written)
		playout := s.region.Played() // each time: the disk may have held up the block before
		if s.written >= playout {
			return nil
		}
		if playout > s.written+keepBehind {
			given := playout - keepBehind - s.written
			s.lacks += given
			s.written += given // now, so that no later try counts them again
		}
		_, samples := s.region.Delivered(s.written)
		if err := s.file.WriteBlock(s.written, samples); err != nil {
			return err // tried again, from the oldest block that is still there
		}
		s.written++
	}
}

// report tells the host that the file cannot be written, or, with nil, that it
// can again.
func (s *soundFile) report(err error) {
	if s.failed = err != nil; !s.failed {
		s.region.SinkError.Store(0)
		return
	}
	is := uint32(unix.EIO)
	var errno unix.Errno // errors.As moves it to the heap, so only after an error
	switch {
	case errors.As(err, &errno):
		is = uint32(errno)
	case errors.Is(err, io.ErrShortWrite):
		is = uint32(unix.ENOSPC)
	}
	s.region.SinkError.Store(shm.SinkWord(is))
}
