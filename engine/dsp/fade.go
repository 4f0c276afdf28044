package dsp

// Fade scales a block of interleaved samples linearly down to silence; its last
// frame is silent. The player fades the last block before an orderly stop this
// way, and a replay does the same to the block it compares with that one.
func Fade(block []float32, channels int) {
	frames := len(block) / channels
	for i := range block {
		block[i] *= float32(frames-1-i/channels) / float32(frames)
	}
}
