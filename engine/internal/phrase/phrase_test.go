//go:build linux

package phrase

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/command"
	"chronus/engine/rig"
)

const gateAt, freqAt = 7, 3

// listener takes the place of the queue and keeps what was set.
type listener struct {
	mu sync.Mutex
	sound
	full  bool
	wrong []command.Command // timed, or without the time they were received
}

// sound holds the gate and the frequency as they are, and the frequency of
// every note so far.
type sound struct {
	gate, freq float64
	notes      []float64
}

func (l *listener) push(commands []command.Command) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return false
	}
	for _, c := range commands {
		if c.Timed() || c.RecvNS == 0 {
			l.wrong = append(l.wrong, c)
		}
		switch c.Address {
		case freqAt:
			l.freq = c.Value
		case gateAt:
			if c.Value == 1 && l.gate == 0 {
				l.notes = append(l.notes, l.freq)
			}
			l.gate = c.Value
		}
	}
	return true
}

func (l *listener) now() sound {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sound
}

func (l *listener) fill(full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = full
}

// session runs a phrase on the fake clock of a synctest bubble.
func session(t *testing.T, play func(t *testing.T, p *Phrase, l *listener)) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{sound: sound{freq: 100}}
		p := &Phrase{push: l.push, rate: 44100, gate: setting{addr: gateAt}, freq: setting{addr: freqAt, value: 100}}
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			p.Run(stop)
			close(ended)
		}()
		play(t, p, l)
		close(stop)
		<-ended
		require.Empty(t, l.wrong)
	})
}

// after waits for d, and then until the phrase has done what is due.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// send delivers an untimed command from outside.
func (p *Phrase) send(l *listener, address uint32, value float64) {
	c := []command.Command{{Address: address, Value: value, RecvNS: 1, Frame: command.Untimed}}
	p.Heard(c, 0)
	l.push(c)
}

func TestPhrasePlaysAtOnceAndAgainAfterARest(t *testing.T) {
	session(t, func(t *testing.T, p *Phrase, l *listener) {
		after(0)
		require.Equal(t, []float64{440}, l.now().notes)
		after(200 * time.Millisecond)
		require.Zero(t, l.now().gate, "the note ends before the next begins")
		after(2300 * time.Millisecond)
		require.Len(t, l.now().notes, len(motif))
		require.Zero(t, l.now().gate)
		after(restTime - time.Millisecond)
		require.Len(t, l.now().notes, len(motif))
		after(time.Millisecond)
		require.Len(t, l.now().notes, len(motif)+1)
		after(20 * time.Second)
		for i, f := range l.now().notes {
			require.Equal(t, motif[i%len(motif)].freq, f)
		}
	})
}

func TestPhraseGivesWayToACommandAndLeavesNoTrace(t *testing.T) {
	session(t, func(t *testing.T, p *Phrase, l *listener) {
		after(1100 * time.Millisecond)
		require.EqualValues(t, 1, l.now().gate)
		n := len(l.now().notes)
		p.send(l, 1, 5)
		require.Zero(t, l.now().gate, "the gate closes before the command, not after it")
		require.EqualValues(t, 100, l.now().freq)
		p.send(l, freqAt, 300)
		after(quietTime - time.Millisecond)
		require.Len(t, l.now().notes, n)
		require.EqualValues(t, 300, l.now().freq)
		after(time.Millisecond)
		require.Equal(t, motif[0].freq, l.now().notes[n], "the phrase starts from its beginning")
		p.send(l, 1, 0)
		require.EqualValues(t, 300, l.now().freq, "the frequency that others last set")
	})
}

func TestPhraseDoesNotEndANoteThatOthersHold(t *testing.T) {
	session(t, func(t *testing.T, p *Phrase, l *listener) {
		after(50 * time.Millisecond)
		p.send(l, gateAt, 1)
		require.EqualValues(t, 1, l.now().gate)
		n := len(l.now().notes)
		after(10 * time.Minute)
		require.EqualValues(t, 1, l.now().gate)
		require.Len(t, l.now().notes, n)
		p.send(l, gateAt, 0)
		after(quietTime + restTime)
		require.Greater(t, len(l.now().notes), n)
	})
}

func TestPhraseWaitsForPlannedCommands(t *testing.T) {
	session(t, func(t *testing.T, p *Phrase, l *listener) {
		after(0)
		const ahead = 20
		p.Heard([]command.Command{
			{Address: freqAt, Value: 300, Frame: ahead * 44100},
			{Address: freqAt, Value: 200, Frame: command.Untimed},
		}, 0)
		n := len(l.now().notes)
		after(ahead*time.Second + quietTime - time.Millisecond)
		require.Len(t, l.now().notes, n)
		after(time.Millisecond)
		require.Len(t, l.now().notes, n+1)
		p.Heard([]command.Command{{Address: 1, Frame: command.Untimed}}, (ahead+30)*44100)
		require.EqualValues(t, 300, l.now().freq, "the command that took effect last, not the one that arrived last")
	})
}

func TestPhraseClosesItsGateOnceThereIsRoomAgain(t *testing.T) {
	session(t, func(t *testing.T, p *Phrase, l *listener) {
		after(0)
		require.EqualValues(t, 1, l.now().gate)
		l.fill(true)
		p.send(l, 1, 0)
		require.EqualValues(t, 1, l.now().gate)
		after(10 * time.Second)
		require.EqualValues(t, 1, l.now().gate)
		l.fill(false)
		after(retryTime)
		require.Zero(t, l.now().gate)
		require.EqualValues(t, 100, l.now().freq)
	})
}

func TestPhraseNeedsAnEnvelopeAndASine(t *testing.T) {
	for _, text := range []string{
		"out = \"s\"\n[[module]]\nid = \"s\"\nkind = \"sine\"\n",
		"out = \"s\"\n[[module]]\nid = \"s\"\nkind = \"const\"\n",
	} {
		_, ok := New(rig.Compile(t, text), nil)
		require.False(t, ok)
	}
	code := rig.Compile(t, `out = "e"
[[module]]
id = "s"
kind = "sine"
freq = 123.0
[[module]]
id = "e"
kind = "adsr"
in = "s"
`)
	p, ok := New(code, nil)
	require.True(t, ok)
	gate, err := code.Gate("e")
	require.NoError(t, err)
	require.Equal(t, gate, p.gate.addr)
	require.EqualValues(t, 123, p.freq.value)
}
