package expect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCount(t *testing.T) {
	require.True(t, Exactly(2).Allows(2))
	require.False(t, Exactly(2).Allows(1))
	require.False(t, Exactly(2).Allows(3))
	require.False(t, AtLeast(1).Allows(0))
	require.True(t, AtLeast(1).Allows(1000))
	require.False(t, Count{1, 2}.Allows(3))
	require.Equal(t, "2, >=1, 1..2", strings.Join([]string{Exactly(2).String(), AtLeast(1).String(), Count{1, 2}.String()}, ", "))
}
