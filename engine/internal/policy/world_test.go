package policy

import (
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"chronus/engine/internal/process"
)

// tick is the length of a step of the world, and of a block.
const tick = 20 * time.Millisecond

// ringBlocks is how many blocks a ring of the world holds.
const ringBlocks = 16

// trouble is what keeps processes from working, for as long as it is set.
type trouble struct {
	NoSpawn  bool // no process can be started
	Crash    bool // processes die before they are of use
	Mute     bool // workers started now render nothing, until they are killed
	Deaf     bool // players started now hand out nothing, until they are killed
	NoPlayer bool // no player can be started
}

// worker is a slot of the world.
type worker struct {
	state      process.State
	generation uint32
	left       int // steps until it is ready, or reaped
	mute       bool
	wanted     bool
	next       uint64          // block it renders next; 0: it has not restored
	blocks     map[uint64]bool // that its ring holds
}

func (w *worker) holds() (n uint64) {
	for b := range w.blocks {
		n = max(n, b+1)
	}
	return n
}

// world is an engine whose processes are numbers: the supervisor's and the
// processes' behaviour, as far as the policy depends on it.
type world struct {
	t       *rapid.T
	cfg     Config
	policy  *Policy
	trouble trouble

	now            time.Duration
	slots          []worker
	generation     uint32
	player         process.State
	playerGen      uint32
	playerLeft     int
	playerDeaf     bool
	playerPlayed   bool
	playout, lost  uint64
	sealed         uint64
	rendered       bool // a block was ever rendered
	failed         error
	stalls, resume int
}

func newWorld(t *rapid.T, cfg Config) *world {
	return &world{t: t, cfg: cfg, policy: New(cfg), slots: make([]worker, cfg.Replicas+cfg.Spares+2)}
}

func (w *world) view() View {
	v := View{
		Now: w.now, Generation: w.generation, Player: w.player, Playout: w.playout, Lost: w.lost,
		Slots: make([]Slot, len(w.slots)),
	}
	for i := range w.slots {
		s := &w.slots[i]
		v.Slots[i] = Slot{
			State: s.state, Renders: s.state == process.Live && s.wanted, Holds: s.holds(),
			Idle: s.state == process.Live && !s.wanted,
		}
		for b := range s.blocks {
			if b >= w.playout && b < w.playout+64 {
				v.Slots[i].Unplayed |= 1 << (b - w.playout)
			}
		}
	}
	return v
}

// step lets a moment pass and does what the policy decides.
func (w *world) step() {
	w.now += tick
	w.age()
	w.promote()
	w.render()
	w.play()
	d := w.policy.Decide(w.view())
	if d.Fail != nil {
		w.failed = d.Fail
		return
	}
	if d.Stalled != "" {
		w.stalls++
	}
	if d.Resumed > 0 {
		w.resume++
	}
	w.check(d)
	if d.RenewPlayer {
		w.killPlayer()
	}
	for i := range w.slots {
		if d.RenewWorkers {
			w.kill(i)
		}
	}
	for _, i := range d.Workers {
		w.start(i)
	}
	if d.Player {
		w.startPlayer()
	}
}

// check holds a decision to what must hold in every state.
func (w *world) check(d Decision) {
	v := w.view()
	if d.Player && w.player != process.Free {
		w.t.Fatalf("a second player is started")
	}
	newest := uint64(0)
	for _, s := range v.Slots {
		newest = max(newest, s.Holds)
	}
	kept, unplayed, all := uint64(0), uint64(0), uint64(0)
	going := v.count(process.Starting)+v.count(process.Live) > 0
	for i, s := range v.Slots {
		all |= s.Unplayed
		if !slices.Contains(d.Workers, i) {
			kept, unplayed = max(kept, s.Holds), unplayed|s.Unplayed
			continue
		}
		if s.State != process.Free && s.State != process.Exited {
			w.t.Fatalf("slot %d has a process and is given another", i)
		}
	}
	if kept < newest {
		w.t.Fatalf("the ring with the newest state %d is given away, %d is left: %+v", newest, kept, v.Slots)
	}
	if going && unplayed != all {
		w.t.Fatalf("blocks that were not played are given away while a worker lives: %+v", v.Slots)
	}
	sorted := slices.Clone(d.Workers)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(d.Workers) {
		w.t.Fatalf("a slot is given away twice: %v", d.Workers)
	}
}

var errWorld = errors.New("the world is bad")

func (w *world) start(i int) {
	w.generation++
	w.slots[i] = worker{
		state: process.Starting, generation: w.generation, left: 2, mute: w.trouble.Mute,
	}
	if w.trouble.NoSpawn {
		w.slots[i].state = process.Free
		w.workerFailed(w.generation)
	}
}

func (w *world) workerFailed(generation uint32) {
	w.policy.WorkerFailed(Failure{Generation: generation, Newest: w.generation, Why: errWorld}, w.now)
}

func (w *world) startPlayer() {
	w.playerGen++
	w.player, w.playerLeft, w.playerDeaf, w.playerPlayed = process.Starting, 2, w.trouble.Deaf, false
	if w.trouble.NoSpawn || w.trouble.NoPlayer {
		w.player = process.Free
		w.playerFailed()
	}
}

func (w *world) playerFailed() {
	w.policy.PlayerFailed(Failure{Generation: w.playerGen, Newest: w.playerGen, Why: errWorld}, w.now)
}

func (w *world) kill(i int) {
	s := &w.slots[i]
	if s.state != process.Starting && s.state != process.Live {
		return
	}
	if s.state == process.Starting {
		w.workerFailed(s.generation)
	}
	s.state, s.left, s.wanted = process.Down, 1, false
}

func (w *world) killPlayer() {
	if w.player == process.Free {
		return
	}
	if !w.playerPlayed {
		w.playerFailed()
	}
	w.player = process.Free
}

// age lets processes become ready, die at their start, or be reaped.
func (w *world) age() {
	for i := range w.slots {
		s := &w.slots[i]
		if s.left--; s.left > 0 {
			continue
		}
		switch {
		case s.state == process.Down:
			s.state = process.Exited
		case s.state == process.Starting && w.trouble.Crash:
			w.kill(i)
		case s.state == process.Starting:
			s.state = process.Live
			w.policy.WorkerReady(s.generation)
		}
	}
	if w.playerLeft--; w.player == process.Starting && w.playerLeft <= 0 {
		if w.trouble.Crash {
			w.killPlayer()
			return
		}
		w.player, w.sealed = process.Live, max(w.sealed, w.playout+uint64(w.cfg.Lead))
	}
}

func (w *world) promote() {
	wanted := 0
	for i := range w.slots {
		if w.slots[i].state == process.Live && w.slots[i].wanted {
			wanted++
		}
	}
	for i := range w.slots {
		if s := &w.slots[i]; s.state == process.Live && !s.wanted && wanted < w.cfg.Replicas {
			s.wanted = true
			wanted++
		}
	}
}

func (w *world) newest() (n uint64) {
	for i := range w.slots {
		n = max(n, w.slots[i].holds())
	}
	return n
}

func (w *world) render() {
	for i := range w.slots {
		s := &w.slots[i]
		if s.state != process.Live || !s.wanted || s.mute {
			continue
		}
		if s.next == 0 {
			s.next, s.blocks = w.newest(), map[uint64]bool{}
			if s.next == 0 && w.rendered {
				w.t.Fatalf("the state was lost: a worker begins anew at block %d", w.playout)
			}
		}
		if w.sealed > s.next+ringBlocks { // an outage: the music goes on later
			s.next = w.sealed - uint64(w.cfg.Lead)
		}
		for ; s.next < w.sealed; s.next++ {
			s.blocks[s.next] = true
			delete(s.blocks, s.next-ringBlocks)
			w.rendered = true
		}
	}
}

func (w *world) play() {
	if w.player != process.Live || w.playerDeaf {
		return
	}
	if !slices.ContainsFunc(w.slots, func(s worker) bool { return s.blocks[w.playout] }) {
		w.lost++
	}
	w.playout++
	w.sealed = w.playout + uint64(w.cfg.Lead)
	w.playerPlayed = true
	w.policy.PlayerPlayed(w.playerGen)
}

func (w *world) delivered() uint64 { return w.playout - w.lost }
