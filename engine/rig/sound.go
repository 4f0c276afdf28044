package rig

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/sink/wavfile"
)

// Sound returns all samples of a sound file, with the channels interleaved.
func Sound(t testing.TB, path string) []float32 {
	t.Helper()
	r, err := wavfile.OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	n, err := r.Frames()
	require.NoError(t, err)
	all := make([]float32, int(n)*r.Channels())
	_, err = r.ReadFrames(all, 0)
	require.NoError(t, err)
	return all
}
