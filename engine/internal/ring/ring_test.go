package ring_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

func small(t testing.TB) (*rig.Rig, shm.Geometry) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 5, false)
	require.NoError(t, err)
	return rig.New(t, g), g
}

func block(g shm.Geometry, n uint64) (ring.Block, []float32, []uint64) {
	samples, state := make([]float32, g.Samples()), make([]uint64, g.StateWords)
	for i := range samples {
		samples[i] = float32(n) + float32(i)/16
	}
	for i := range state {
		state[i] = n<<32 + uint64(i)
	}
	return ring.Block{Number: n, Prev: n, Cutoff: 3 * n, RenderNS: 5}, samples, state
}

func TestPublishedBlockIsCopiedWholeAndOldOnesGo(t *testing.T) {
	r, g := small(t)
	fold := r.Host.Stamp.Fold()
	for n := range uint64(3 * g.Ring) {
		b, samples, state := block(g, n)
		ring.Publish(r.Rings[0], fold, b, samples, state)
		var h shm.EntryHeader
		gotSamples, gotState := make([]float32, len(samples)), make([]uint64, len(state))
		require.True(t, ring.CopyState(r.Rings[0], fold, n, &h, gotSamples, gotState))
		require.Equal(t, samples, gotSamples)
		require.Equal(t, state, gotState)
		require.Equal(t, 3*n, h.Cutoff)
		require.Equal(t, h.Sum, ring.Sum(r.Rings[0], n))
		require.False(t, ring.Copy(r.Rings[0], fold, n+1, &h, gotSamples), "not published yet")
		require.Zero(t, ring.Sum(r.Rings[0], n+1))
		if n >= uint64(g.Ring) {
			require.False(t, ring.Copy(r.Rings[0], fold, n-uint64(g.Ring), &h, gotSamples), "overwritten")
		}
		require.False(t, ring.Copy(r.Rings[0], fold+1, n, &h, gotSamples), "of another engine")
	}
}

func TestEqualBlocksHaveEqualSumsInEveryRing(t *testing.T) {
	r, g := small(t)
	fold := r.Host.Stamp.Fold()
	b, samples, state := block(g, 7)
	for slot := range r.Rings {
		ring.Publish(r.Rings[slot], fold, b, samples, state)
		require.Equal(t, ring.Sum(r.Rings[0], 7), ring.Sum(r.Rings[slot], 7))
	}
	state[4]++ // a state that differs where it cannot be heard yet
	ring.Publish(r.Rings[1], fold, b, samples, state)
	require.NotEqual(t, ring.Sum(r.Rings[0], 7), ring.Sum(r.Rings[1], 7))
}

// TestNoFlippedBitPasses flips every bit of an entry in turn.
func TestNoFlippedBitPasses(t *testing.T) {
	r, g := small(t)
	fold := r.Host.Stamp.Fold()
	b, samples, state := block(g, 7)
	ring.Publish(r.Rings[0], fold, b, samples, state)
	e, inSamples, inState := r.Rings[0].Entry(7)
	var h shm.EntryHeader
	gotSamples, gotState := make([]float32, len(samples)), make([]uint64, len(state))
	covered := int(unsafe.Offsetof(e.RenderNS)) // the render time is not covered
	for _, part := range []struct {
		name  string
		bytes []byte
		state bool
	}{
		{"header", unsafe.Slice((*byte)(unsafe.Pointer(e)), covered), false},
		{"samples", unsafe.Slice((*byte)(unsafe.Pointer(&inSamples[0])), 4*len(inSamples)), false},
		{"state", unsafe.Slice((*byte)(unsafe.Pointer(&inState[0])), 8*len(inState)), true},
	} {
		for bit := range 8 * len(part.bytes) {
			part.bytes[bit/8] ^= 1 << (bit % 8)
			require.False(t, ring.CopyState(r.Rings[0], fold, 7, &h, gotSamples, gotState),
				"%s bit %d", part.name, bit)
			if !part.state {
				require.False(t, ring.Copy(r.Rings[0], fold, 7, &h, gotSamples), "%s bit %d", part.name, bit)
			}
			part.bytes[bit/8] ^= 1 << (bit % 8)
		}
	}
	require.True(t, ring.CopyState(r.Rings[0], fold, 7, &h, gotSamples, gotState))
}

func TestPublishAndCopyAllocateNothing(t *testing.T) {
	r, g := small(t)
	b, samples, state := block(g, 1)
	var h shm.EntryHeader
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ring.Publish(r.Rings[0], 1, b, samples, state)
		if !ring.CopyState(r.Rings[0], 1, 1, &h, samples, state) {
			panic("not there")
		}
	}))
}

func BenchmarkPublish(b *testing.B) {
	r, g := small(b)
	blk, samples, state := block(g, 1)
	b.ReportAllocs()
	for b.Loop() {
		ring.Publish(r.Rings[0], 1, blk, samples, state)
	}
}
