// Package worker is the worker process: it waits as a spare, restores a state from somebody's ring, catches up, and then
// renders every sealed block into its own ring until it is told to go.
//
// It is a pure function of seals and log: no clock, no randomness and no goroutine reaches a sample. In the render loop it
// allocates nothing, takes no lock and makes no system call but futex and the clock read. It must stay lean: what it
// imports is paid for at every exec.
package worker

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/dsp"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// RLIMIT_RTTIME counts processor time since the last sleep, and a worker that catches up under SCHED_FIFO must not look like
// an endless loop. So after computing for breatheAfter it sleeps for breath: long enough that the timer cannot expire before
// the thread is asleep, which would be no sleep at all (20 us was not, and cost workers their lives on a busy machine).
const (
	breatheAfter = 4e6
	breath       = 150e3
)

// placeEvery is after how many blocks a renderer looks whether another keeps to its processor.
const placeEvery = 8

// Worker renders. All its methods belong to one locked thread.
type Worker struct {
	roster.Roster
	own  *shm.Ring
	slot int
	fold uint64
	prog *dsp.Program

	state  []uint64 // after block next-1
	spare  []uint64 // what a restore copies into, so that a bad copy costs nothing
	out    []float32
	header shm.EntryHeader
	record shm.LogRecord

	next   uint64 // the state has block next-1 in it and every one before that
	cutoff uint64 // and the commands below this
	fresh  bool   // nothing published since the restore

	settled  bool   // has published a block since it was activated
	priority int    // under SCHED_FIFO; 0: normal
	placed   uint64 // the block at which to look for a processor again
	// The processors it may use: all of them, and one by one.
	all        unix.CPUSet
	processors []int

	rested int64 // when the loop last slept
	others [shm.MaxSlots]progress
	set    *shm.WaitSet
	nobody atomic.Uint32
}

// progress is what another worker's ring had published when it was last looked at, and when that had changed.
type progress struct {
	published  uint64
	progressed int64
}

// New is a worker for a slot whose ring own is mapped for writing.
func New(r roster.Roster, own *shm.Ring, slot int, prog *dsp.Program) (*Worker, error) {
	geo := r.Host.Geo
	if prog.Words() != int(geo.StateWords) || prog.Frames != int(geo.Frames) || prog.Channels != int(geo.Channels) {
		return nil, fmt.Errorf("worker: program of %d words, %d frames, %d channels does not fit the region's %d, %d, %d",
			prog.Words(), prog.Frames, prog.Channels, geo.StateWords, geo.Frames, geo.Channels)
	}
	all, err := shm.Processors()
	if err != nil {
		return nil, fmt.Errorf("worker: processors: %w", err)
	}
	var processors []int
	for cpu := range shm.MaxProcessors {
		if all.IsSet(cpu) {
			processors = append(processors, cpu)
		}
	}
	return &Worker{
		Roster: r, all: all, processors: processors, own: own, slot: slot, fold: r.Host.Stamp.Fold(), prog: prog,
		state: make([]uint64, prog.Words()), spare: make([]uint64, prog.Words()), out: make([]float32, geo.Samples()),
		set: shm.NewWaitSet(3),
	}, nil
}

// Run waits and renders until the leave notice is given.
//
// Errors: a seal or a log record that should be there is not; the process must end, its state cannot be trusted.
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
		w.rank()
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

// rank gives the thread the priority and the processor that go with what it does now. Whoever comes in roams: the dead
// worker's processor may still be busy taking it down. Whoever has published a block keeps to a processor of its own, also
// and above all when it cannot catch up: two on one would never. A renderer beyond the number of replicas has no real-time
// priority at all: what it was activated for is that one of them is late, and it must neither make that worse nor starve the
// host, which will make one of them idle again.
func (w *Worker) rank() {
	if w.Host.Geo.Fifo == 0 {
		return
	}
	priority := shm.PrioritySpare
	switch {
	case w.surplus():
		priority = 0
	case w.settled:
		priority = shm.PriorityRenderer
	}
	if priority == shm.PriorityRenderer && w.next >= w.placed {
		w.place()
		w.placed = w.next + placeEvery
	}
	if priority == w.priority {
		return
	}
	if priority != shm.PriorityRenderer {
		w.own.CPU.Store(-1)
		w.placed = 0
		_ = shm.Roam(&w.all)
	}
	w.priority = priority
	_ = shm.Fifo(0, priority)
}

// place keeps the thread to a processor that no other renderer keeps to, so that one that stands still never holds them all.
// Where there are not enough, or two have chosen at the same time, the one in the higher slot moves, and only to where fewer are.
func (w *Worker) place() {
	mine := w.own.CPU.Load()
	count := func(cpu int, all bool) (n int) {
		for slot, r := range w.Rings {
			if slot != w.slot && (all || slot < w.slot) && w.Renders(slot) && r.CPU.Load() == int32(cpu) {
				n++
			}
		}
		return n
	}
	if mine >= 0 && count(int(mine), false) == 0 {
		return
	}
	best, fewest := int(mine), len(w.Rings)
	if mine >= 0 {
		fewest = count(int(mine), true)
	}
	// Each begins its search elsewhere, so that those who choose at the same time choose differently.
	first := 0
	for slot := range w.slot {
		if w.Renders(slot) {
			first++
		}
	}
	for i := range w.processors {
		cpu := w.processors[(first+i)%len(w.processors)]
		if n := count(cpu, true); n < fewest {
			best, fewest = cpu, n
		}
	}
	if best >= 0 && int32(best) != mine && shm.Prefer(best) == nil {
		w.own.CPU.Store(int32(best))
	}
}

// surplus says whether there are replicas enough without this worker: so many were activated before it and work. One that stands
// still is none, but one that is late is: when the machine is slow and all of them are late, a further renderer of the same
// priority would take from them what they need to catch up.
func (w *Worker) surplus() bool {
	if !w.Wanted(w.slot) {
		return false
	}
	now, sealed, since := clock.Now(), w.Player.Sealed.Load(), w.ActivatedNS(w.slot)
	before := 0
	for slot, r := range w.Rings {
		if slot == w.slot || !w.Renders(slot) {
			continue
		}
		published, s := r.Published.Load(), &w.others[slot]
		if published != s.published {
			if s.published != 0 { // what it did before it was first looked at says nothing of now
				s.progressed = now
			}
			s.published = published
		}
		lead := int64(w.Host.Geo.Lead)
		works := published+uint64(lead) >= sealed || now-s.progressed <= (lead+1)*w.Host.Geo.BlockNS()
		if at := w.ActivatedNS(slot); works && (at < since || at == since && slot < w.slot) {
			before++
		}
	}
	return before >= int(w.Host.Geo.Replicas)
}

func (w *Worker) awaitActivation() {
	w.settled, w.others = false, [shm.MaxSlots]progress{}
	w.rank()
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

// Step renders one block if one is due, else waits for a seal.
func (w *Worker) Step() error {
	w.rank()
	sealed := w.Player.Sealed.Load()
	block, ok := w.due(sealed)
	if !ok {
		if had := w.next; !w.restore() || w.next == had {
			w.pause() // what it should go on from does not verify: never spin above everybody else
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
		return fmt.Errorf("worker: seal of block %d is not of this engine or not there", block)
	}
	prev := seal.Prev.Load()
	if prev != w.next {
		if w.restore() {
			return nil
		}
		return fmt.Errorf("worker: block %d goes on from %d blocks, the state has %d", block, prev, w.next)
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

// due is the block that follows the state. After an outage it is not the next number but the one where the player let the
// music go on. False: the state is on a branch that was given up, or too far behind, and somebody has a newer one.
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
	if sealed > w.next && sealed-w.next > w.Host.Geo.Behind() && w.newest() > w.next {
		return 0, false
	}
	return w.next, true
}

// apply takes the commands from the state's cut-off to this one into the state, in order: at once, or to wait there for their
// frame. What it refuses (an address of nobody, a state full of waiting ones) every replica refuses.
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
		w.fresh, w.settled = false, true
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

func (w *Worker) breathe() {
	if now := clock.Now(); now-w.rested > breatheAfter {
		shm.Wait(&w.nobody, 0, breath)
		w.rested = clock.Now()
	}
}

func (w *Worker) pause() {
	shm.Wait(&w.nobody, 0, 1e6)
	w.rested = clock.Now()
}

// newest is the number of blocks that the most advanced ring claims to have.
func (w *Worker) newest() uint64 {
	n := uint64(0)
	for i, r := range w.Rings {
		if w.Host.Slots[i].Condemned.Load() == 0 {
			n = max(n, r.Published.Load())
		}
	}
	return n
}

// restore takes a state that verifies from any ring the player reads: that before the newest block, so that there is a
// block to render at once and to hold against the other replica's, else the newest there is; after an outage the newest.
// Where none has ever been published it is the program's initial one. False: nothing verifies yet.
func (w *Worker) restore() bool {
	w.own.State.Store(shm.StateRestoring)
	failpoint.Hit(failpoint.RestoreStart)
	w.own.Cursor.Store(ring.Cursor(shm.PhaseRestoring, w.next))
	failpoint.Hit(failpoint.RestoreCursor)
	w.fresh = true
	found := w.search()
	failpoint.Hit(failpoint.RestoreState)
	w.own.ActiveNS.Store(clock.Now())
	failpoint.Hit(failpoint.RestoreTime)
	w.own.Restores.Add(1)
	failpoint.Hit(failpoint.RestoreCount)
	return found
}

// cheap says whether there is time to render the newest block once more: nobody is far behind, and by what its worker says
// it takes less than an eighth of a block.
func (w *Worker) cheap(newest uint64) bool {
	if w.Player.Sealed.Load() >= newest+w.Host.Geo.Behind() {
		return false
	}
	for _, r := range w.Rings {
		if e, _, _ := r.Entry(newest - 1); newest > 0 && e.Block == newest {
			return e.RenderNS < w.Host.Geo.BlockNS()/8
		}
	}
	return false
}

func (w *Worker) search() bool {
	newest := w.newest()
	if newest == 0 {
		copy(w.state, w.prog.Initial)
		w.next, w.cutoff = 0, 0
		return true
	}
	skip, prev := w.Player.SkipTo.Load(), uint64(0)
	if skip > 0 {
		prev = w.Player.Seals[skip%shm.SealCount].Prev.Load()
	}
	try := func(have uint64) bool { // blocks in the state looked for
		if have <= skip && have > prev {
			return false // a branch that was given up
		}
		for i, r := range w.Rings {
			if w.Host.Slots[i].Condemned.Load() == 0 && r.Published.Load() >= have &&
				ring.CopyState(r, w.fold, have-1, &w.header, w.out, w.spare) {
				w.state, w.spare = w.spare, w.state
				w.next, w.cutoff = have, w.header.Cutoff
				return true
			}
		}
		return false
	}
	if w.cheap(newest) && newest > 1 && try(newest-1) || try(newest) {
		return true
	}
	for have := newest - 1; have > 1 && newest-have < uint64(w.Host.Geo.Ring); have-- {
		if try(have - 1) {
			return true
		}
	}
	return false
}
