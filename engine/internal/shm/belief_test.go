package shm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// played returns a player's region that has handed out n blocks and sealed a
// lead more.
func played(t *testing.T, n uint64) *Player {
	g := geometry(t)
	hf, h, err := CreateHost(g, NewStamp(1))
	require.NoError(t, err)
	pf, ro, err := CreatePlayer(g, NewStamp(1))
	require.NoError(t, err)
	require.NoError(t, ro.Close())
	p, err := OpenPlayer(pf, h, true)
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{hf, h, pf, p} {
			_ = c.Close()
		}
	})
	for b := range n + uint64(g.Lead) {
		prev := b
		if b == 100 {
			prev = 60
			p.SkipTo.Store(b)
		}
		p.Seals[b%SealCount].Prev.Store(prev)
		p.Seals[b%SealCount].Word.Store(SealWord(h.Stamp.Fold(), b, prev, 2*b))
		p.Sealed.Store(b + 1)
	}
	for b := range n {
		d, _ := p.Delivered(b)
		d.Block.Store(b + 1)
		p.Playout.Store(b + 1)
	}
	return p
}

func TestAStrayBitInAWordOfThePlayerIsNotBelieved(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 50, 101, 3000, SealCount, 2*SealCount + 77} {
		p := played(t, n)
		sealed := n + uint64(p.Geo.Lead)
		skip, prev := p.Skip()
		for bit := range 64 {
			stray := uint64(1) << bit
			p.Playout.Store(n ^ stray)
			require.InDelta(t, n, p.Played(), 1, "playout, %d blocks, bit %d", n, bit)
			require.Equal(t, sealed, p.Exists(), "%d blocks, bit %d", n, bit)
			p.Playout.Store(n)
			require.Equal(t, n, p.Played())

			p.Sealed.Store(sealed ^ stray)
			require.Equal(t, sealed, p.Exists(), "sealed, %d blocks, bit %d", n, bit)
			p.Sealed.Store(sealed)
			require.Equal(t, sealed, p.Exists())

			was := p.SkipTo.Load()
			p.SkipTo.Store(was ^ stray)
			to, from := p.Skip()
			require.True(t, to == 0 && from == 0, "skip to %d from %d, bit %d", to, from, bit)
			p.SkipTo.Store(was)
			to, from = p.Skip()
			require.Equal(t, []uint64{skip, prev}, []uint64{to, from})
		}
		if n > 100 && n+uint64(p.Geo.Lead) < SealCount+100 {
			require.Equal(t, []uint64{100, 60}, []uint64{skip, prev})
		} else {
			require.Zero(t, skip)
		}
	}
}

func TestWordsAreThoseOfTheHeaders(t *testing.T) {
	g := geometry(t)
	size := map[string]int{}
	names := map[string]bool{}
	for _, w := range Words(g) {
		require.False(t, names[w.Region+w.Name], "%s twice", w.Name)
		names[w.Region+w.Name] = true
		require.Contains(t, []int{4, 8}, w.Size, w.Name)
		require.Zero(t, w.Offset%w.Size, w.Name)
		if w.Count == 0 {
			require.LessOrEqual(t, w.Offset+w.Size, page, w.Name)
		}
		size[w.Region] += w.Size
	}
	require.True(t, names["ringPublished"] && names["playerSkipTo"] && names["hostSlots[0].Activate"])
	require.Len(t, size, 3)
}
