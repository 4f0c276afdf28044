package player

// rampFrames is how many frames a lost block takes to go from the last sample
// heard down to silence: long enough not to click.
const rampFrames = 64

// conceal fills in for a block that no ring has: a short ramp down from the
// last frame handed out, then silence.
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
