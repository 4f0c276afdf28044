package fault

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryBitOfTheWordsThatMatchIsAPoint(t *testing.T) {
	all := []Word{
		{Region: "host", Name: "Head", Size: 8},
		{Region: "ring", Name: "State", Offset: 20, Size: 4},
		{Region: "ring", Name: "Published", Offset: 64, Size: 8},
		{Region: "ring", Name: "Allocs", Offset: 72, Size: 8, Figure: true},
	}
	bits := Bits(all, regexp.MustCompile(`^ring\.`))
	require.Len(t, bits, 32+64)
	require.Equal(t, Point{ID: bitsMost + 3, Name: "ring.State.3", Target: "header"}, bits[3])
	seen := map[int]bool{}
	for _, b := range bits {
		require.Positive(t, all[b.ID/bitsMost].Size*8-b.ID%bitsMost, "a bit of the word")
		require.False(t, seen[b.ID])
		seen[b.ID] = true
	}
	require.Empty(t, Bits(all, regexp.MustCompile("^player")))
}
