package worker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/command"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
	"chronus/engine/player"
)

// round plays a block with a command of its own.
func (s *session) round() {
	address, err := s.code.Address("step", "value")
	require.NoError(s.t, err)
	require.True(s.t, s.queue.Push([]command.Command{
		{Address: address, Value: s.rnd.Float64(), Frame: command.Untimed},
	}))
	for _, slot := range s.live() {
		s.step(slot)
	}
	s.play(make([]float32, s.Host.Geo.Samples()))
}

// TestNoStrayBitInAHeaderIsHeard flips every bit of every word of every header
// while two workers play, in the ring of the one that is heard and then dies,
// or in that of the other, with the player dying at that moment or living on.
// Then a third takes the dead worker's place.
func TestNoStrayBitInAHeaderIsHeard(t *testing.T) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 1, false)
	require.NoError(t, err)
	for _, w := range shm.Words(g) {
		if w.Name == "Failpoint" && failpoint.Enabled {
			continue
		}
		t.Run(w.Region+"."+w.Name, func(t *testing.T) {
			// The variants share the bits, so that the test stays short.
			if w.Count > 0 {
				t.Skip("both replicas have read the newest seal, and no one restates it between two blocks")
			}
			variants := 2
			if w.Region == "ring" {
				variants = 4
			}
			for v := range variants {
				strayBits(t, w, v, variants)
			}
		})
	}
}

// strayBits flips every step-th bit of a word, from one on that goes with the
// variant.
func strayBits(t *testing.T, w shm.Word, variant, step int) {
	dies, other := variant&1 != 0, variant&2 != 0
	s := newSession(t, 3, 1)
	s.spawn(0)
	s.spawn(1)
	for bit := variant; bit < 8*w.Size; bit += step {
		for range 3 {
			s.round()
		}
		live := s.live()
		heard := int(s.Player.Primary.Load())
		rest := live[0] + live[1] - heard
		hit := heard
		if other {
			hit = rest
		}
		s.Flip(w, hit, bit)
		if dies {
			s.player = player.New(s.Roster)
		}
		s.kill(heard)
		s.spawn(s.unused(heard))
		for range 5 {
			s.round()
		}
	}
	what := fmt.Sprintf("in the other's ring %v, the player dies %v", other, dies)
	res := s.replay()
	require.Nil(t, res.FirstDiff, what)
	require.Zero(t, res.Lost, what)
	require.Zero(t, res.Disagree, what)
	require.EqualValues(t, 8*8*w.Size/step, res.Blocks, what)
}

// unused returns a slot without a worker, but not the given one, from whose
// ring the others may have to restore.
func (s *session) unused(but int) int {
	for slot, w := range s.workers {
		if w == nil && slot != but {
			return slot
		}
	}
	panic("no slot is free")
}
