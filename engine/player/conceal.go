package player

// rampFrames is how many frames a lost block takes from the last sample heard down to silence: long enough not to click.
const rampFrames = 64

// conceal fills a block that nobody has: a short ramp from where the sound stood, then silence.
func (p *Player) conceal(out []float32) {
	channels := len(p.last)
	for i := range out {
		frame := i / channels
		if frame < rampFrames {
			out[i] = p.last[i%channels] * float32(rampFrames-1-frame) / rampFrames
		} else {
			out[i] = 0
		}
	}
}
