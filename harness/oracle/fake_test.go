package oracle

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/dsp"
	"chronus/engine/patch"
	"chronus/engine/sink/wavfile"
	"chronus/engine/tape"
)

// fake stands in for an engine and the harness that drives it: it writes the
// files that a run leaves behind, and lets a test plant a fault in any of them
// first.
type fake struct {
	t       *testing.T
	h       tape.Header
	comp    *patch.Compiled
	st      []uint64
	applied int
	log     []*tape.Command
	records []any
	sound   [][]float32 // what the sink received, by block
	sent    []Sent
	prev    uint64
	extra   int // frames by which the WAV file is too long
	run     Run
}

const (
	rate     = 44100
	frames   = 64
	periodNS = int64(frames) * 1e9 / rate
)

// mixText is a patch that sounds neither like one with a ledger nor like a
// sine.
const mixText = `out = "mix1"
module = [
	{ id = "mix1", kind = "mix", in = ["step", "sine1"] },
	{ id = "step", kind = "const" },
	{ id = "sine1", kind = "sine" },
]
`

func newFake(t *testing.T, name string) *fake {
	var p *patch.Patch
	var err error
	if name == "mix" {
		p, err = patch.Parse(name, []byte(mixText))
	} else {
		p, err = patch.Load(name)
	}
	require.NoError(t, err)
	c, err := p.Compile(rate, frames)
	require.NoError(t, err)
	return &fake{
		t: t, comp: c, st: slices.Clone(c.Program.Initial),
		h: tape.Header{
			Rate: rate, Frames: frames, Channels: c.Program.Channels,
			Lead: 3, Replicas: 2, Spares: 1, Slots: 4, Ring: 16,
			Patch: p.Name(), PatchText: string(p.Text()),
		},
	}
}

func (f *fake) block() uint64 { return uint64(len(f.sound)) }

func (f *fake) now() int64 { return int64(f.block()) * periodNS }

// send sends values as the harness does, and logs them as the engine does.
func (f *fake) send(values ...float64) {
	for _, v := range values {
		f.sent = append(f.sent, Sent{Seq: len(f.sent) + 1, Value: v, SentNS: f.now() - 1000})
		f.logs(v)
	}
}

// logs appends values to the log, sent or not.
func (f *fake) logs(values ...float64) {
	addr, err := f.comp.Address("step", "value")
	require.NoError(f.t, err)
	for _, v := range values {
		c := &tape.Command{Index: uint64(len(f.log)), Address: addr, Value: v, Frame: -1, RecvNS: f.now()}
		f.log = append(f.log, c)
		f.records = append(f.records, c)
	}
}

func (f *fake) render() []float32 {
	for _, c := range f.log[f.applied:] {
		f.comp.Program.Set(f.st, c.Address, c.Value)
	}
	f.applied = len(f.log)
	out := make([]float32, frames)
	f.comp.Program.RenderBlock(f.st, f.block(), out)
	return out
}

func (f *fake) add(samples []float32, flags uint32) *tape.Block {
	n := f.block()
	b := &tape.Block{
		Block: n, Prev: f.prev, Cutoff: uint64(len(f.log)), Sealed: n + 1 + uint64(f.h.Lead),
		Slot: 1, Flags: flags, Generation: 5,
		EntryNS: f.now(), ReturnNS: f.now() + 7000, Sum: 1000 + n, Samples: samples,
	}
	b.Sums = []uint64{b.Sum, b.Sum, 0, 0}
	if flags&tape.FlagLost != 0 {
		b.Slot, b.Sum, b.Generation = -1, 0, 0
		clear(b.Sums)
	}
	f.records = append(f.records, b)
	f.sound = append(f.sound, slices.Clone(samples))
	return b
}

// play delivers n blocks.
func (f *fake) play(n int) {
	for range n {
		f.add(f.render(), 0)
		f.prev = f.block()
	}
}

// late loses n blocks that were rendered too late. What is played instead is
// not silence, so that it shows up wherever it is wrongly taken for sound.
func (f *fake) late(n int) {
	for range n {
		f.render()
		f.add(concealment(), tape.FlagLost)
		f.prev = f.block()
	}
}

// outage loses n blocks that no worker rendered.
func (f *fake) outage(n int) {
	for range n {
		f.add(concealment(), tape.FlagLost).Prev = f.block() - 1
	}
}

// fade makes the last block the end of an ordered stop.
func (f *fake) fade() {
	b := f.blocks()
	last := b[len(b)-1]
	last.Flags |= tape.FlagFade
	dsp.Fade(last.Samples, 1)
	copy(f.sound[len(f.sound)-1], last.Samples)
}

func concealment() []float32 {
	out := make([]float32, frames)
	for i := range out {
		out[i] = 0.111
	}
	return out
}

// blocks returns the block records.
func (f *fake) blocks() []*tape.Block {
	var out []*tape.Block
	for _, r := range f.records {
		if b, ok := r.(*tape.Block); ok {
			out = append(out, b)
		}
	}
	return out
}

// drop removes the record of block n from the tape.
func (f *fake) drop(n uint64) {
	f.records = slices.DeleteFunc(f.records, func(r any) bool {
		b, ok := r.(*tape.Block)
		return ok && b.Block == n
	})
}

// damage changes a sample in both places where the delivered sound is recorded.
func (f *fake) damage(block, frame int, v float32) {
	f.blocks()[block].Samples[frame] = v
	f.sound[block][frame] = v
}

// revert makes a whole block sound as if no command had come yet.
func (f *fake) revert(block int) {
	for i := range frames {
		f.damage(block, i, 0)
	}
}

func (f *fake) write() Run {
	dir := f.t.TempDir()
	f.run.Tape, f.run.WAV, f.run.Sent = filepath.Join(dir, "run.tape"), filepath.Join(dir, "run.wav"), f.sent
	w, err := tape.Create(f.run.Tape, f.h)
	require.NoError(f.t, err)
	for _, r := range f.records {
		switch r := r.(type) {
		case *tape.Command:
			require.NoError(f.t, w.Command(r))
		case *tape.Block:
			require.NoError(f.t, w.Block(r))
		}
	}
	require.NoError(f.t, w.Close())
	wav, err := wavfile.Open(f.run.WAV, rate, 1, 1)
	require.NoError(f.t, err)
	all := append(slices.Concat(f.sound...), make([]float32, max(f.extra, 0))...)
	for i, s := range all[:len(all)+min(f.extra, 0)] {
		require.NoError(f.t, wav.WriteBlock(uint64(i), []float32{s}))
	}
	require.NoError(f.t, wav.Close())
	return f.run
}

// check writes the files and checks them.
func (f *fake) check() *Result {
	got, err := Check(f.write())
	require.NoError(f.t, err)
	return got
}

// failed returns the counts of the assertions that do not hold.
func failed(r *Result) map[string]uint64 {
	out := map[string]uint64{}
	for _, a := range r.Failed() {
		out[a.Name] = a.Count
	}
	return out
}
