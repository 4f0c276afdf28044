package dsp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFadeEndsInSilence(t *testing.T) {
	tests := []struct {
		name        string
		channels    int
		block, want []float32
	}{
		{"mono", 1, []float32{1, 1, 1, 1}, []float32{0.75, 0.5, 0.25, 0}},
		{"all channels of a frame alike", 2, []float32{1, -1, 1, -1}, []float32{0.5, -0.5, 0, 0}},
		{"one frame", 1, []float32{1}, []float32{0}},
		{"no frames", 1, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			Fade(tt.block, tt.channels)
			require.InDeltaSlice(t, tt.want, tt.block, 0)
		})
	}
}
