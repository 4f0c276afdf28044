package outline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/cmd/chronus/internal/outline"
)

func TestLongTextIsWrapped(t *testing.T) {
	require.Equal(t, []string{"one two", "three", "a-word-that-is-too-long", "four"},
		outline.Wrap("one  two three a-word-that-is-too-long four", 8))
	require.Equal(t, []string{""}, outline.Wrap("", 8))
}
