//go:build linux

package engine

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/cmdlog"
)

const gateAt, freqAt = 7, 3

// listener is a queue's other side: it keeps what was set.
type listener struct {
	mu sync.Mutex
	sound
	full bool
}

// sound is what gate and frequency are, and the frequency of every note so far.
type sound struct {
	gate, freq float64
	notes      []float64
}

func (l *listener) push(commands ...cmdlog.Command) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return false
	}
	for _, c := range commands {
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

func (l *listener) room(is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = !is
}

// session runs a phrase on a bubble's clock.
func session(t *testing.T, play func(t *testing.T, p *phrase, l *listener)) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{sound: sound{freq: 100}}
		p := &phrase{push: l.push, rate: 44100, gate: setting{addr: gateAt}, freq: setting{addr: freqAt, value: 100}}
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			p.run(stop)
			close(ended)
		}()
		play(t, p, l)
		close(stop)
		<-ended
	})
}

// after waits, and until the phrase has done what is due by then.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (p *phrase) say(l *listener, commands ...cmdlog.Command) {
	p.heard(commands, 0)
	l.push(commands...)
}

func TestPhrasePlaysAtOnceAndAgainAfterARest(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(0)
		require.Equal(t, []float64{440}, l.now().notes)
		after(200 * time.Millisecond)
		require.Zero(t, l.now().gate, "the note ends before the next begins")
		after(2300 * time.Millisecond)
		require.Len(t, l.now().notes, len(motif))
		require.Zero(t, l.now().gate)
		after(phraseRest - time.Millisecond)
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
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(1100 * time.Millisecond)
		require.EqualValues(t, 1, l.now().gate)
		n := len(l.now().notes)
		p.say(l, cmdlog.Command{Address: 1, Value: 5})
		require.Zero(t, l.now().gate, "before the command, not after it")
		require.EqualValues(t, 100, l.now().freq)
		p.say(l, cmdlog.Command{Address: freqAt, Value: 300})
		after(phraseQuiet - time.Millisecond)
		require.Len(t, l.now().notes, n)
		require.EqualValues(t, 300, l.now().freq)
		after(time.Millisecond)
		require.Equal(t, motif[0].freq, l.now().notes[n], "from its beginning")
		p.say(l, cmdlog.Command{Address: 1})
		require.EqualValues(t, 300, l.now().freq, "what others last said")
	})
}

func TestPhraseDoesNotEndANoteOfOthers(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(50 * time.Millisecond)
		p.say(l, cmdlog.Command{Address: gateAt, Value: 1})
		require.EqualValues(t, 1, l.now().gate)
		n := len(l.now().notes)
		after(10 * time.Minute)
		require.EqualValues(t, 1, l.now().gate)
		require.Len(t, l.now().notes, n)
		p.say(l, cmdlog.Command{Address: gateAt, Value: 0})
		after(phraseQuiet + phraseRest)
		require.Greater(t, len(l.now().notes), n)
	})
}

func TestPhraseWaitsForWhatIsPlanned(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(0)
		const ahead = 20
		p.heard([]cmdlog.Command{
			{Address: freqAt, Value: 300, At: ahead*44100 + 1},
			{Address: freqAt, Value: 200},
		}, 0)
		n := len(l.now().notes)
		after(ahead*time.Second + phraseQuiet - time.Millisecond)
		require.Len(t, l.now().notes, n)
		after(time.Millisecond)
		require.Len(t, l.now().notes, n+1)
		p.heard([]cmdlog.Command{{Address: 1}}, (ahead+30)*44100)
		require.EqualValues(t, 300, l.now().freq, "what took effect last, not what came last")
	})
}

func TestPhraseClosesItsGateWhenThereIsRoomAgain(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(0)
		require.EqualValues(t, 1, l.now().gate)
		l.room(false)
		p.say(l, cmdlog.Command{Address: 1})
		require.EqualValues(t, 1, l.now().gate)
		after(10 * time.Second)
		require.EqualValues(t, 1, l.now().gate)
		l.room(true)
		after(phraseRetry)
		require.Zero(t, l.now().gate)
		require.EqualValues(t, 100, l.now().freq)
	})
}

func TestPhraseNeedsAnEnvelopeAndASine(t *testing.T) {
	for _, text := range []string{
		"out = \"s\"\n[[module]]\nid = \"s\"\nkind = \"sine\"\n",
		"out = \"s\"\n[[module]]\nid = \"s\"\nkind = \"const\"\n",
	} {
		_, ok := newPhrase(compile(t, text), nil)
		require.False(t, ok)
	}
	code := compile(t, "out = \"e\"\n[[module]]\nid = \"s\"\nkind = \"sine\"\nfreq = 123.0\n[[module]]\nid = \"e\"\nkind = \"adsr\"\nin = \"s\"\n")
	p, ok := newPhrase(code, nil)
	require.True(t, ok)
	gate, err := code.Gate("e")
	require.NoError(t, err)
	require.Equal(t, gate, p.gate.addr)
	require.EqualValues(t, 123, p.freq.value)
}
