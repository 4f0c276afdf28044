//go:build linux

package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/cmdlog"
	"chronus/engine/dsp"
	"chronus/engine/patch"
)

const gateAt, freqAt = 7, 3

// listener is a queue's other side: it keeps what gate and frequency are, and every note.
type listener struct {
	start time.Time
	gate  float64
	freq  float64
	notes []float64
	began []time.Duration // of the notes
	full  bool
}

func (l *listener) push(commands ...cmdlog.Command) bool {
	if l.full {
		return false
	}
	for _, c := range commands {
		switch c.Address {
		case freqAt:
			l.freq = c.Value
		case gateAt:
			if c.Value == 1 && l.gate == 0 {
				l.notes, l.began = append(l.notes, l.freq), append(l.began, time.Since(l.start))
			}
			l.gate = c.Value
		}
	}
	return true
}

// session runs a phrase on a bubble's clock.
func session(t *testing.T, play func(t *testing.T, p *phrase, l *listener)) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{start: time.Now(), freq: 100}
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
		require.Equal(t, []float64{440}, l.notes)
		after(200 * time.Millisecond)
		require.Zero(t, l.gate, "the note ends before the next begins")
		after(2300 * time.Millisecond)
		require.Len(t, l.notes, len(motif))
		require.Zero(t, l.gate)
		after(phraseRest - time.Millisecond)
		require.Len(t, l.notes, len(motif))
		after(time.Millisecond)
		require.Len(t, l.notes, len(motif)+1)
		after(20 * time.Second)
		for i, f := range l.notes {
			require.Equal(t, motif[i%len(motif)].freq, f)
		}
	})
}

func TestPhraseGivesWayToACommandAndLeavesNoTrace(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(1100 * time.Millisecond)
		require.EqualValues(t, 1, l.gate)
		n := len(l.notes)
		p.say(l, cmdlog.Command{Address: 1, Value: 5})
		require.Zero(t, l.gate, "before the command, not after it")
		require.EqualValues(t, 100, l.freq)
		p.say(l, cmdlog.Command{Address: freqAt, Value: 300})
		after(phraseQuiet - time.Millisecond)
		require.Len(t, l.notes, n)
		require.EqualValues(t, 300, l.freq)
		after(time.Millisecond)
		require.Equal(t, motif[0].freq, l.notes[n], "from its beginning")
		p.say(l, cmdlog.Command{Address: 1})
		require.EqualValues(t, 300, l.freq, "what others last said")
	})
}

func TestPhraseDoesNotEndANoteOfOthers(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(50 * time.Millisecond)
		p.say(l, cmdlog.Command{Address: gateAt, Value: 1})
		require.EqualValues(t, 1, l.gate)
		n := len(l.notes)
		after(10 * time.Minute)
		require.EqualValues(t, 1, l.gate)
		require.Len(t, l.notes, n)
		p.say(l, cmdlog.Command{Address: gateAt, Value: 0})
		after(phraseQuiet + phraseRest)
		require.Greater(t, len(l.notes), n)
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
		n := len(l.notes)
		after(ahead*time.Second + phraseQuiet - time.Millisecond)
		require.Len(t, l.notes, n)
		after(time.Millisecond)
		require.Len(t, l.notes, n+1)
		p.heard([]cmdlog.Command{{Address: 1}}, (ahead+30)*44100)
		require.EqualValues(t, 300, l.freq, "what took effect last, not what came last")
	})
}

func TestPhraseClosesItsGateWhenThereIsRoomAgain(t *testing.T) {
	session(t, func(t *testing.T, p *phrase, l *listener) {
		after(0)
		require.EqualValues(t, 1, l.gate)
		l.full = true
		p.say(l, cmdlog.Command{Address: 1})
		require.EqualValues(t, 1, l.gate)
		l.full = false
		after(time.Second)
		require.Zero(t, l.gate)
		require.EqualValues(t, 100, l.freq)
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
	if _, ok := dsp.KindByName("adsr"); !ok {
		t.Skip("no adsr among the modules of this build")
	}
	var code *patch.Compiled = compile(t, "out = \"e\"\n[[module]]\nid = \"s\"\nkind = \"sine\"\nfreq = 123.0\n[[module]]\nid = \"e\"\nkind = \"adsr\"\nin = \"s\"\n")
	p, ok := newPhrase(code, nil)
	require.True(t, ok)
	gate, err := code.Gate("e")
	require.NoError(t, err)
	require.Equal(t, gate, p.gate.addr)
	require.EqualValues(t, 123, p.freq.value)
}
