// Package worker is the worker process: it waits as a spare, restores a state
// from a ring, catches up, and then renders every sealed block into its own
// ring until it is told to leave.
//
// Its samples are a pure function of seals and log: no clock, no randomness
// and no goroutine may reach one. The render loop must not allocate, lock, or
// make a system call other than futex and the clock read. The package must
// stay lean: every import adds to the time of every exec.
package worker

import (
	"errors"
	"fmt"
	"sync/atomic"

	"chronus/engine/clock"
	"chronus/engine/dsp"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// RLIMIT_RTTIME counts CPU time since the last sleep, and a worker that catches
// up under SCHED_FIFO must not look like an endless loop. So after it has
// computed for breatheAfter it sleeps for breath, both in ns. The sleep must be
// long enough that its timer cannot expire before the thread is asleep, because
// then the thread does not sleep at all: 20 us was too short and cost workers
// their lives on a busy machine.
const (
	breatheAfter = 4e6
	breath       = 150e3
)

// Worker renders blocks. All its methods belong to one locked thread.
type Worker struct {
	roster.Roster
	own  *shm.Ring
	slot int
	fold uint64
	prog *dsp.Program

	place  placement
	source source

	state  []uint64 // after block next-1
	spare  []uint64 // what a restore copies into, so that a bad copy costs nothing
	out    []float32
	record shm.LogRecord

	next   uint64 // the block that follows the state
	cutoff uint64 // the state contains the commands below this index
	fresh  bool   // nothing was published since the restore

	rested  int64 // when the loop last slept, ns
	set     *shm.WaitSet
	unwoken atomic.Uint32 // a futex that no thread wakes, for sleeping
}

// New returns the worker of a slot; own is the slot's ring, mapped for writing.
func New(r roster.Roster, own *shm.Ring, slot int, prog *dsp.Program) (*Worker, error) {
	geo := r.Host.Geo
	if prog.Words() != int(geo.StateWords) || prog.Frames != int(geo.Frames) ||
		prog.Channels != int(geo.Channels) {
		return nil, fmt.Errorf(
			"worker: program of %d words, %d frames, %d channels does not fit the region's %d, %d, %d",
			prog.Words(), prog.Frames, prog.Channels, geo.StateWords, geo.Frames, geo.Channels)
	}
	place, err := newPlacement(r, own, slot)
	if err != nil {
		return nil, fmt.Errorf("worker: read the CPU affinity: %w", err)
	}
	fold := r.Host.Stamp.Fold()
	return &Worker{
		Roster: r, own: own, slot: slot, fold: fold, prog: prog, place: place,
		source: source{Roster: r, fold: fold, initial: prog.Initial, samples: make([]float32, geo.Samples())},
		state:  make([]uint64, prog.Words()),
		spare:  make([]uint64, prog.Words()),
		out:    make([]float32, geo.Samples()),
		set:    shm.NewWaitSet(3),
	}, nil
}

// Run waits and renders until the leave notice is given.
//
// It returns an error if a seal or a log record that should exist does not. The
// process must then end: its state cannot be trusted.
func (w *Worker) Run() error {
	for w.own.Leave.Load() == 0 {
		w.own.Cursor.Store(ring.Cursor(shm.PhaseIdle, w.next))
		w.own.State.Store(shm.StateIdle)
		shm.Wake(&w.own.State)
		w.awaitActivation()
		if w.own.Leave.Load() != 0 {
			return nil
		}
		w.rested = clock.Now()
		w.place.rank(w.next)
		for !w.restore() && w.Wanted(w.slot) && w.own.Leave.Load() == 0 {
			w.pause()
		}
		for w.Wanted(w.slot) && w.own.Leave.Load() == 0 {
			if err := w.Step(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Worker) awaitActivation() {
	w.place.idle(w.next)
	for !w.Wanted(w.slot) && w.own.Leave.Load() == 0 {
		host, player := &w.Host.Slots[w.slot].Activate, &w.Player.Slots[w.slot].Activate
		w.set.Reset()
		w.set.Add(host, host.Load())
		w.set.Add(player, player.Load())
		w.set.Add(&w.own.Leave, 0)
		if w.Wanted(w.slot) {
			return
		}
		w.set.Park(-1)
	}
}

// Step renders one block if one is due; otherwise it waits for a seal.
func (w *Worker) Step() error {
	w.place.rank(w.next)
	sealed := w.Player.Sealed.Load()
	block, ok := w.due(sealed)
	if !ok {
		if had := w.next; !w.restore() || w.next == had {
			w.pause() // the newer state does not verify: never spin above every other thread
		}
		return nil
	}
	if block >= sealed {
		w.set.Reset()
		w.set.Add(shm.Low(&w.Player.Sealed), uint32(sealed))
		w.set.Add(&w.own.Leave, 0)
		w.set.Wait(-1)
		w.rested = clock.Now()
		return nil
	}
	seal := &w.Player.Seals[block%shm.SealCount]
	cutoff, ok := shm.OpenSeal(w.fold, block, seal.Word.Load())
	if !ok || cutoff < w.cutoff {
		if sealed-block >= shm.SealCount && w.restore() {
			return nil
		}
		return fmt.Errorf("worker: seal of block %d is missing or from another engine", block)
	}
	prev := seal.Prev.Load()
	if prev != w.next {
		if w.restore() {
			return nil
		}
		return fmt.Errorf("worker: block %d continues a state of %d blocks, but this state has %d",
			block, prev, w.next)
	}
	start := clock.Now()
	w.own.Cursor.Store(ring.Cursor(shm.PhaseRendering, block))
	if err := w.apply(cutoff); err != nil {
		if w.restore() {
			return nil
		}
		return err
	}
	w.prog.RenderBlock(w.state, block, w.out)
	w.publish(ring.Block{Number: block, Prev: prev, Cutoff: cutoff, RenderNS: clock.Now() - start})
	w.breathe()
	return nil
}

// due returns the block that follows the state. After an outage that is not the
// next number but the block at which the player resumed the music. It reports
// false if the state is on a branch that the outage ended, or is too far behind
// while a ring holds a newer one.
func (w *Worker) due(sealed uint64) (uint64, bool) {
	if skip := w.Player.SkipTo.Load(); w.next <= skip && skip > 0 && sealed-skip < shm.SealCount {
		prev := w.Player.Seals[skip%shm.SealCount].Prev.Load()
		if w.next == prev {
			return skip, true
		}
		if w.next > prev {
			return 0, false
		}
	}
	if sealed > w.next && sealed-w.next > w.Host.Geo.Behind() && w.source.newest() > w.next {
		return 0, false
	}
	return w.next, true
}

// apply applies the commands from the state's cut-off up to the given one, in
// order: a command takes effect at once, or waits in the state for its frame.
// A command that the program refuses (an unknown address, a state that holds as
// many waiting commands as it can) is refused by every replica.
func (w *Worker) apply(cutoff uint64) error {
	for w.cutoff < cutoff {
		if !cmdlog.Read(w.Host, w.cutoff, &w.record) {
			return errors.New("worker: a command that a sealed block takes is not in the log")
		}
		if r := &w.record; r.Frame >= 0 {
			w.prog.Schedule(w.state, uint64(r.Frame), r.Address, r.Float())
		} else {
			w.prog.Set(w.state, r.Address, r.Float())
		}
		w.cutoff++
	}
	return nil
}

func (w *Worker) publish(b ring.Block) {
	if w.fresh {
		failpoint.Hit(failpoint.RestoreBlock)
	}
	ring.Publish(w.own, w.fold, b, w.out, w.state)
	if w.Player.Waiting.Load() != 0 {
		shm.Wake(shm.Low(&w.own.Published))
	}
	failpoint.Hit(failpoint.PublishWake)
	w.next = b.Number + 1
	w.own.Rendered.Add(1)
	if w.fresh {
		w.fresh, w.place.settled = false, true
		failpoint.Hit(failpoint.RestoreFirst)
		w.own.FirstNS.Store(clock.Now())
		failpoint.Hit(failpoint.RestoreStamp)
		w.own.FirstAt.Store(b.Number)
		failpoint.Hit(failpoint.RestoreAt)
		w.own.State.Store(shm.StateRendering)
		shm.Wake(&w.own.State)
		failpoint.Hit(failpoint.RestoreDone)
	}
	w.own.Cursor.Store(ring.Cursor(shm.PhaseIdle, w.next))
}

// breathe sleeps for a moment if the thread has computed for long.
func (w *Worker) breathe() {
	if now := clock.Now(); now-w.rested > breatheAfter {
		shm.Wait(&w.unwoken, 0, breath)
		w.rested = clock.Now()
	}
}

// pause sleeps for a millisecond.
func (w *Worker) pause() {
	shm.Wait(&w.unwoken, 0, 1e6)
	w.rested = clock.Now()
}
