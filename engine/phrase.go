//go:build linux

package engine

import (
	"sync"
	"time"

	"chronus/engine/clock"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/patch"
)

// phrase plays a few notes while nobody else does, so that whoever starts the engine hears something. Its notes are commands like
// any others. It gives way to the first command from outside, and leaves gate and frequency as they were last set by others. A
// note that others hold is not disturbed.
type phrase struct {
	gate, freq setting
	rate       int64 // Hz
	push       func(...cmdlog.Command) bool

	mu    sync.Mutex
	quiet time.Time // until then others play
	note  int       // the next of motif
	moved bool      // gate or frequency are not what others set them to
	down  bool      // a note sounds
}

// setting is a word that the phrase plays with, and what others last set it to.
type setting struct {
	addr  uint32
	value float64
	when  int64 // the frame at which that took effect
}

const (
	// phraseQuiet is for how long after the last command from outside the phrase keeps silent, phraseRest how long it rests before
	// it comes again.
	phraseQuiet = 30 * time.Second
	phraseRest  = 5 * time.Second
	phraseRetry = 50 * time.Millisecond
	// notePart of a note the gate is open.
	notePart = 0.8
)

// motif is in A minor pentatonic: Hz, and how long until the next note.
var motif = []struct {
	freq float64
	long time.Duration
}{
	{440, 250 * time.Millisecond},    // A4
	{523.25, 250 * time.Millisecond}, // C5
	{659.26, 500 * time.Millisecond}, // E5
	{587.33, 250 * time.Millisecond}, // D5
	{523.25, 250 * time.Millisecond}, // C5
	{440, time.Second},               // A4
}

// newPhrase finds what a patch has to play on: the gate of its first envelope and the frequency of its first sine. false: it has
// not both.
func newPhrase(code *patch.Compiled, push func(...cmdlog.Command) bool) (*phrase, bool) {
	p := &phrase{push: push, rate: int64(code.Program.Rate)}
	gate, freq := false, false
	for _, q := range code.Params() {
		switch {
		case !gate && q.Kind == "adsr" && q.Param == "gate":
			p.gate, gate = setting{addr: q.Address, value: q.Value}, true
		case !freq && q.Kind == "sine" && q.Param == "freq":
			p.freq, freq = setting{addr: q.Address, value: q.Value}, true
		}
	}
	return p, gate && freq
}

// heard is told of commands from outside before they are queued, and of the frame that is played now. Until the last of them
// takes effect, and for a while after, the phrase keeps silent.
func (p *phrase) heard(commands []cmdlog.Command, frame uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack()
	now, ahead := int64(frame), int64(0)
	for i := range commands {
		c := &commands[i]
		when := max(now, c.Frame())
		ahead = max(ahead, when-now)
		for _, s := range []*setting{&p.gate, &p.freq} {
			if c.Address == s.addr && when >= s.when {
				s.value, s.when = c.Value, when
			}
		}
	}
	quiet := time.Now().Add(phraseQuiet + time.Duration(ahead)*time.Second/time.Duration(p.rate))
	if quiet.After(p.quiet) {
		p.quiet = quiet
	}
	p.note, p.down = 0, false
}

// run plays until stop is closed.
func (p *phrase) run(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
			timer.Reset(p.step())
		}
	}
}

// step does what is to be done now and says how long until the next.
func (p *phrase) step() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := time.Until(p.quiet); d > 0 {
		if p.giveBack(); p.moved { // there was no room for it
			return phraseRetry
		}
		return d
	}
	if !p.down && p.gate.value >= 0.5 {
		return phraseRest // others hold a note
	}
	n := motif[p.note]
	sounds := time.Duration(float64(n.long) * notePart)
	if !p.down {
		p.down, p.moved = true, true
		p.set(cmdlog.Command{Address: p.freq.addr, Value: n.freq}, cmdlog.Command{Address: p.gate.addr, Value: 1})
		return sounds
	}
	p.down = false
	p.set(cmdlog.Command{Address: p.gate.addr, Value: 0})
	rest := n.long - sounds
	if p.note++; p.note == len(motif) {
		p.note = 0
		rest += phraseRest
	}
	return rest
}

// giveBack sets gate and frequency to what others made them, if they are not.
func (p *phrase) giveBack() {
	if p.moved {
		p.moved = !p.set(cmdlog.Command{Address: p.gate.addr, Value: p.gate.value}, cmdlog.Command{Address: p.freq.addr, Value: p.freq.value})
	}
}

func (p *phrase) set(commands ...cmdlog.Command) bool {
	for i := range commands {
		commands[i].RecvNS = clock.Now()
	}
	return p.push(commands...)
}
