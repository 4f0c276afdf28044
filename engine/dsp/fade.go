package dsp

// Fade takes a block of interleaved samples linearly down to silence, its last frame being silent. The player ends an
// ordered stop with it, a replay does the same to the last block it compares.
func Fade(block []float32, channels int) {
	frames := len(block) / channels
	for i := range block {
		block[i] *= float32(frames-1-i/channels) / float32(frames)
	}
}
