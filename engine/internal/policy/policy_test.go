package policy

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/internal/process"
)

func draw(t *rapid.T) *world {
	return newWorld(t, Config{
		Replicas: rapid.IntRange(1, 4).Draw(t, "replicas"), Spares: rapid.IntRange(0, 6).Draw(t, "spares"),
		Lead: rapid.IntRange(1, 8).Draw(t, "lead"), Block: tick,
	})
}

// harm lets the world go on for a while, in which anything may happen to it.
func (w *world) harm(t *rapid.T) {
	for range rapid.IntRange(1, 12).Draw(t, "faults") {
		w.trouble = trouble{
			NoSpawn: rapid.Bool().Draw(t, "no spawn"), Crash: rapid.Bool().Draw(t, "crash"),
			Mute: rapid.Bool().Draw(t, "mute"), Deaf: rapid.Bool().Draw(t, "deaf"),
			NoPlayer: rapid.Bool().Draw(t, "no player"),
		}
		for i := range w.slots {
			if rapid.Bool().Draw(t, "kill") {
				w.kill(i)
			}
		}
		if rapid.Bool().Draw(t, "kill player") {
			w.killPlayer()
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if w.step(); w.failed != nil {
				return
			}
		}
	}
}

func steps(d time.Duration) int { return int(d / tick) }

func TestWhateverHappensItPlaysAgainOrEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		w.harm(t)
		w.trouble = trouble{}
		if w.failed == nil {
			w.step() // the last of the failures may be the one too many
		}
		if w.failed != nil {
			if w.playout > 0 && w.now < stallEnd {
				t.Fatalf("ended after %v although it had played: %v", w.now, w.failed)
			}
			return
		}
		// Processes that can start now do: the longest pause, the time until
		// what runs without effect is replaced, worker and player, and the
		// starts. Before the first block, an engine that is one failure short
		// of too many may end with the next: what the harm has left may still
		// fail.
		brink := w.playout == 0 && max(w.policy.player.failed, w.policy.workers.failed) == maxFailed-1
		for range steps(longPause + 2*stallRenew + startMore + 2*time.Second) {
			if w.step(); brink && w.failed != nil && w.playout == 0 {
				return
			}
			require.NoError(t, w.failed)
		}
		had := w.delivered()
		for range steps(time.Second) {
			w.step()
		}
		require.NoError(t, w.failed)
		require.EqualValues(t, steps(time.Second), w.delivered()-had, "every block is delivered")
		require.True(t, w.policy.whole(new(w.view())), "it is whole")
		require.Equal(t, w.stalls, w.resume, "each stall that was reported was also reported over")
	})
}

func TestWhatCannotPlayEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		w.harm(t)
		w.trouble = rapid.SampledFrom([]trouble{
			{NoSpawn: true}, {Crash: true}, {Mute: true}, {Deaf: true}, {NoPlayer: true}, {Mute: true, Deaf: true},
		}).Draw(t, "trouble")
		for i := range w.slots {
			w.kill(i)
		}
		w.killPlayer()
		for range steps(stallEnd + startMore + 5*time.Second) {
			if w.step(); w.failed != nil {
				return
			}
		}
		t.Fatalf("%+v for ever, and it neither plays nor ends: %+v", w.trouble, w.view())
	})
}

func TestAllDieAtOnceFiftyTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		for range 50 {
			w.step()
		}
		for range 50 {
			had := w.delivered()
			for i := range w.slots {
				w.kill(i)
			}
			w.killPlayer()
			for range 10 + w.cfg.Lead {
				w.step()
				require.NoError(t, w.failed)
			}
			require.Greater(t, w.delivered(), had, "it plays again at once")
		}
		require.Zero(t, w.stalls)
	})
}

// whole returns the view of an engine with two replicas and two spares that
// plays.
func whole(now time.Duration) View {
	ring := Slot{State: process.Live, Renders: true, Holds: 104, Unplayed: 0b1111}
	idle := Slot{State: process.Live, Idle: true}
	return View{
		Now: now, Slots: []Slot{ring, ring, idle, idle, {}, {}}, Generation: 4, Player: process.Live, Playout: 100,
	}
}

var two = Config{Replicas: 2, Spares: 2, Lead: 3, Block: 5 * time.Millisecond}

func TestDecisions(t *testing.T) {
	dead := Slot{State: process.Exited, Holds: 104, Unplayed: 0b1111}
	for name, c := range map[string]struct {
		change func(*View)
		want   Decision
	}{
		"nothing to do": {func(*View) {}, Decision{Whole: true}},
		"a spare died":  {func(v *View) { v.Slots[2].State = process.Down }, Decision{Workers: []int{4}}},
		"both renderers died": {
			func(v *View) { v.Slots[0].State, v.Slots[1].State = process.Down, process.Down },
			Decision{Workers: []int{4, 5}},
		},
		"the player died": {
			func(v *View) { v.Player = process.Free }, Decision{Whole: true, Player: true},
		},
		"the player died and the engine is not whole": {
			func(v *View) { v.Player, v.Slots[3].State = process.Free, process.Starting }, Decision{Player: true},
		},
		"nothing but a finished block is left": {
			func(v *View) { v.Player, v.Slots = process.Free, []Slot{dead} }, Decision{Player: true},
		},
		"nothing is left": {
			func(v *View) {
				v.Player, v.Slots = process.Free, []Slot{{State: process.Exited, Holds: 100}}
			},
			Decision{},
		},
		"the first player waits for all": {
			func(v *View) { v.Player, v.Playout, v.Slots[3].State = process.Free, 0, process.Starting }, Decision{},
		},
		"the first player does not wait for ever": {
			func(v *View) {
				v.Player, v.Playout, v.Slots[3].State = process.Free, 0, process.Starting
				v.Now = firstPatience
			},
			Decision{Player: true},
		},
		"of dead rings that hold the same blocks all but one are free": {
			func(v *View) {
				v.Slots = []Slot{dead, dead, dead, dead, dead, dead}
			},
			Decision{Workers: []int{0, 1, 2, 3}},
		},
		"the ring that is furthest behind is given away first": {
			func(v *View) {
				behind := dead
				behind.Holds, behind.Unplayed = 90, 0
				v.Slots = []Slot{v.Slots[0], v.Slots[1], v.Slots[2], dead, behind}
			},
			Decision{Workers: []int{4}},
		},
		"blocks that were not played stay while another worker lives": {
			func(v *View) {
				v.Slots = []Slot{{State: process.Live, Renders: true, Holds: 110}, dead, dead}
				v.Slots[2].Unplayed = 1 << 9
			},
			Decision{Workers: nil},
		},
		"a process that is not certainly dead keeps its ring": {
			func(v *View) {
				v.Slots = []Slot{dead, dead, {State: process.Down}, {State: process.Down}}
			},
			Decision{Workers: []int{0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := whole(0)
			c.change(&v)
			require.Equal(t, c.want, New(two).Decide(v))
		})
	}
}

func fail(p *Policy, generation, newest uint32, now time.Duration) {
	p.WorkerFailed(Failure{Generation: generation, Newest: newest, Why: errors.New("no")}, now)
}

func TestFailuresBackOffOneAtATime(t *testing.T) {
	p, v := New(two), whole(0)
	v.Slots = v.Slots[:0]
	v.Slots = append(v.Slots, Slot{State: process.Live, Renders: true}, Slot{}, Slot{}, Slot{})
	require.Len(t, p.Decide(v).Workers, 3)
	pause := firstPause
	for generation := uint32(5); generation < 20; generation++ {
		fail(p, generation, generation, v.Now)
		fail(p, generation-1, generation, v.Now) // started together with it
		v.Now += pause - 1
		require.Empty(t, p.Decide(v).Workers)
		v.Now++
		require.Len(t, p.Decide(v).Workers, 1)
		p.WorkerReady(4) // an older worker proves nothing
		pause = min(2*pause, longPause)
	}
	require.Equal(t, longPause, pause)
	p.WorkerReady(20)
	require.Len(t, p.Decide(v).Workers, 3, "what has started shows that the others can")
}

func TestAnEngineThatNeverPlayedEndsAfterTenFailures(t *testing.T) {
	p := New(two)
	for n := uint32(1); n < maxFailed; n++ {
		fail(p, n, n, 0)
		require.NoError(t, p.Decide(View{}).Fail)
	}
	fail(p, maxFailed, maxFailed, 0)
	require.ErrorContains(t, p.Decide(View{}).Fail, "10 workers in a row died before they were ready, the last with: no")
	require.NoError(t, p.Decide(View{Playout: 1}).Fail, "one that plays goes on")
	p = New(two)
	p.PlayerFailed(Failure{Generation: 1, Newest: 1, Why: errors.New("exec format error"), Lasting: true}, 0)
	require.EqualError(t, p.Decide(View{}).Fail, "exec format error")
}

func TestStallIsReportedRenewedAndEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(*View, time.Duration)
		why           string
		player, slots bool
	}{
		"the player stands": {
			func(*View, time.Duration) {}, "the player hands out no block", true, false,
		},
		"every block is lost": {
			func(v *View, d time.Duration) {
				n := uint64(d / two.Block)
				v.Playout, v.Lost = v.Playout+n, n
			}, "the player requests blocks and no worker delivers one", false, true,
		},
		"no worker": {func(v *View, _ time.Duration) { v.Slots = nil }, "no worker runs", false, false},
		"no player": {func(v *View, _ time.Duration) { v.Player = process.Free }, "no player runs", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(two)
			p.Decide(whole(0))
			var reported, renewed, ended time.Duration
			for now := tick; ended == 0; now += tick {
				v := whole(now)
				c.change(&v, now)
				d := p.Decide(v)
				if d.Stalled != "" {
					require.Zero(t, reported, "once")
					require.Equal(t, c.why, d.Stalled)
					reported = now
				}
				if renewed == 0 && (d.RenewPlayer || d.RenewWorkers) {
					renewed = now
					require.Equal(t, c.player, d.RenewPlayer)
					require.Equal(t, c.slots, d.RenewWorkers)
				}
				if d.Fail != nil {
					require.ErrorContains(t, d.Fail, c.why)
					ended = now
				}
			}
			grace := time.Duration(two.Lead+2) * two.Block
			require.InDelta(t, stallReport+grace, reported, float64(tick))
			require.InDelta(t, stallEnd+grace, ended, float64(tick))
			if c.player || c.slots {
				require.InDelta(t, stallRenew+grace, renewed, float64(tick))
			} else {
				require.Zero(t, renewed)
			}
		})
	}
}

func TestBlockThatComesEndsTheStall(t *testing.T) {
	p := New(two)
	p.Decide(whole(0))
	require.NotEmpty(t, p.Decide(whole(2*time.Second)).Stalled)
	v := whole(3 * time.Second)
	v.Playout++
	require.Equal(t, 3*time.Second, p.Decide(v).Resumed)
	v.Now += stallReport / 2
	require.Empty(t, p.Decide(v).Stalled, "the time counts anew")
}
