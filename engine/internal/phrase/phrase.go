//go:build linux

// Package phrase plays a few notes while nothing else does, so that a newly
// started engine can be heard. Its notes are commands like any others. It must
// not change a patch in any other way, nor disturb what others play.
package phrase

import (
	"sync"
	"time"

	"chronus/engine/clock"
	"chronus/engine/command"
	"chronus/engine/patch"
)

// Phrase is the idle phrase. It gives way to the first command from outside and
// restores the gate and the frequency that others last set. It does not play
// while others hold a note.
type Phrase struct {
	gate, freq setting
	rate       int64 // Hz
	push       func([]command.Command) bool

	mu    sync.Mutex
	quiet time.Time // until then others play
	note  int       // index into motif of the next note
	moved bool      // gate or frequency differ from what others set
	down  bool      // a note sounds
}

// setting is a word that the phrase plays with, and what others last set it to.
type setting struct {
	addr  uint32
	value float64
	when  int64 // the frame at which that took effect
}

const (
	// quietTime is how long the phrase stays silent after the last command from
	// outside.
	quietTime = 30 * time.Second
	// restTime is the pause between two repetitions.
	restTime  = 5 * time.Second
	retryTime = 50 * time.Millisecond
	// notePart is the part of a note during which the gate is open.
	notePart = 0.8
)

// motif is in A minor pentatonic.
var motif = []struct {
	freq float64 // Hz
	long time.Duration
}{
	{440, 250 * time.Millisecond},    // A4
	{523.25, 250 * time.Millisecond}, // C5
	{659.26, 500 * time.Millisecond}, // E5
	{587.33, 250 * time.Millisecond}, // D5
	{523.25, 250 * time.Millisecond}, // C5
	{440, time.Second},               // A4
}

// New returns a phrase for a patch, played on the gate of its first envelope
// and the frequency of its first sine. It reports false if the patch lacks
// either. push takes commands that take effect together, and reports whether it
// had room for them.
func New(code *patch.Compiled, push func([]command.Command) bool) (*Phrase, bool) {
	p := &Phrase{push: push, rate: int64(code.Program.Rate)}
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

// Heard must be called with commands from outside before they are queued, and
// with the frame that is being played. The phrase stays silent until the last
// of them has taken effect and for a while after that.
func (p *Phrase) Heard(commands []command.Command, frame uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack()
	now, ahead := int64(frame), int64(0)
	for i := range commands {
		c := &commands[i]
		when := max(now, c.Frame)
		ahead = max(ahead, when-now)
		for _, s := range []*setting{&p.gate, &p.freq} {
			if c.Address == s.addr && when >= s.when {
				s.value, s.when = c.Value, when
			}
		}
	}
	quiet := time.Now().Add(quietTime + time.Duration(ahead)*time.Second/time.Duration(p.rate))
	if quiet.After(p.quiet) {
		p.quiet = quiet
	}
	p.note, p.down = 0, false
}

// Run plays until stop is closed.
func (p *Phrase) Run(stop <-chan struct{}) {
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

// step does what is due now and returns the time until the next step.
func (p *Phrase) step() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := time.Until(p.quiet); d > 0 {
		if p.giveBack(); p.moved { // there was no room for it
			return retryTime
		}
		return d
	}
	if !p.down && p.gate.value >= 0.5 {
		return restTime // others hold a note
	}
	n := motif[p.note]
	sounds := time.Duration(float64(n.long) * notePart)
	if !p.down {
		p.down, p.moved = true, true
		p.set(
			command.Command{Address: p.freq.addr, Value: n.freq},
			command.Command{Address: p.gate.addr, Value: 1},
		)
		return sounds
	}
	p.down = false
	p.set(command.Command{Address: p.gate.addr, Value: 0})
	rest := n.long - sounds
	if p.note++; p.note == len(motif) {
		p.note = 0
		rest += restTime
	}
	return rest
}

// giveBack sets the gate and the frequency to what others last set, if the
// phrase has changed them.
func (p *Phrase) giveBack() {
	if p.moved {
		p.moved = !p.set(
			command.Command{Address: p.gate.addr, Value: p.gate.value},
			command.Command{Address: p.freq.addr, Value: p.freq.value},
		)
	}
}

// set pushes commands that are received now and untimed.
func (p *Phrase) set(commands ...command.Command) bool {
	for i := range commands {
		commands[i].RecvNS, commands[i].Frame = clock.Now(), command.Untimed
	}
	return p.push(commands)
}
