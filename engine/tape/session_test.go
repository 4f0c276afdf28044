package tape

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/dsp"
)

// testHeader has small blocks, so that a tape of a few can be cut at every
// byte.
var testHeader = Header{
	Version: Version, Rate: 44100, Frames: 4, Channels: 1, Lead: 3, Replicas: 2, Spares: 1, Slots: 3, Ring: 16,
	Patch: "test", PatchText: "out = \"ü\"\n", Build: "b1", StartedNS: 17, Date: "2026-01-02T03:04:05Z",
}

// level is the address of the parameter that the tests command: the value of a
// const that is mixed with a sine. The const makes a command too many or too
// few audible, the sine a block too many or too few.
const level = 0

// testProgram is the program of testHeader's sessions.
func testProgram(t require.TestingT) *dsp.Program {
	kind := func(name string) int {
		id, ok := dsp.KindByName(name)
		require.True(t, ok)
		return id
	}
	p, err := dsp.New(testHeader.Rate, testHeader.Frames, []dsp.Op{
		{Kind: kind("const")},
		{Kind: kind("sine")},
		{Kind: kind("mix"), Inputs: []int{0, 1}},
	}, 2)
	require.NoError(t, err)
	return p
}

// session stands in for an engine: it makes the records of one in the most
// straightforward way, by keeping the state after every block.
type session struct {
	h       Header
	prog    *dsp.Program
	records []any
	log     []Command
	block   uint64               // the block that is due
	prev    uint64               // the next block continues from the state after block prev-1
	after   map[uint64]snapshot  // by prev
	want    map[uint64][]float32 // the reference of each block, nil if there cannot be one
}

// snapshot is a state and the number of commands applied to it.
type snapshot struct {
	st     []uint64
	cutoff int
}

func newSession(t require.TestingT) *session {
	p := testProgram(t)
	s := &session{h: testHeader, prog: p, after: map[uint64]snapshot{}, want: map[uint64][]float32{}}
	s.after[0] = snapshot{st: slices.Clone(p.Initial)}
	return s
}

// send appends commands to the log.
func (s *session) send(values ...float64) {
	for _, v := range values {
		s.sendAt(-1, v)
	}
}

// sendAt appends a command for an absolute frame; -1 is the next block.
func (s *session) sendAt(frame int64, v float64) {
	c := Command{Index: uint64(len(s.log)), Address: level, Value: v, Frame: frame, RecvNS: int64(1000 + len(s.log))}
	s.log = append(s.log, c)
	s.records = append(s.records, &c)
}

// render renders the block that is due from the state after block prev-1 and
// returns it as a record.
func (s *session) render() *Block {
	from := s.after[s.prev]
	st := slices.Clone(from.st)
	for _, c := range s.log[from.cutoff:] {
		if c.Frame >= 0 {
			s.prog.Schedule(st, uint64(c.Frame), c.Address, c.Value)
		} else {
			s.prog.Set(st, c.Address, c.Value)
		}
	}
	out := make([]float32, s.h.Frames*s.h.Channels)
	s.prog.RenderBlock(st, s.block, out)
	s.after[s.block+1] = snapshot{st, len(s.log)}
	sum := 100 + s.block
	b := s.record()
	b.Slot, b.Generation, b.Sum, b.Samples = 1, 2, sum, out
	b.Sums[0], b.Sums[1] = sum, sum
	return b
}

// record returns a record of the block that is due, with silence for samples.
func (s *session) record() *Block {
	return &Block{
		Block: s.block, Prev: s.prev, Cutoff: uint64(len(s.log)), Sealed: s.block + 1 + uint64(s.h.Lead),
		EntryNS: int64(s.block) * 90703, ReturnNS: int64(s.block)*90703 + 5000,
		Slot: -1, Sums: make([]uint64, s.h.Slots), Samples: make([]float32, s.h.Frames*s.h.Channels),
	}
}

// deliver plays n blocks.
func (s *session) deliver(n int) {
	for range n {
		b := s.render()
		s.records = append(s.records, b)
		s.want[b.Block] = slices.Clone(b.Samples)
		s.block++
		s.prev = s.block
	}
}

// late loses n blocks that were rendered too late to be played. After an outage
// the first of them continues from before it.
func (s *session) late(n int) {
	for range n {
		want := s.render().Samples
		b := s.record()
		b.Flags = FlagLost
		s.records = append(s.records, b)
		s.want[b.Block] = want
		s.block++
		s.prev = s.block
	}
}

// outage loses n blocks that were never rendered.
func (s *session) outage(n int) {
	for range n {
		b := s.record()
		b.Prev, b.Flags = s.block, FlagLost
		s.records = append(s.records, b)
		s.block++
	}
}

// fade turns the last block into the end of an orderly stop.
func (s *session) fade() {
	b := s.blocks()
	last := b[len(b)-1]
	last.Flags |= FlagFade
	dsp.Fade(last.Samples, s.h.Channels)
	s.want[last.Block] = slices.Clone(last.Samples)
}

// continueFrom makes the next block continue from the state before block n.
func (s *session) continueFrom(n uint64) { s.prev = n }

// blocks returns the block records.
func (s *session) blocks() []*Block {
	var out []*Block
	for _, r := range s.records {
		if b, ok := r.(*Block); ok {
			out = append(out, b)
		}
	}
	return out
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// writeAll writes the records and closes the tape.
func writeAll(t require.TestingT, w *Writer, records []any) {
	for _, r := range records {
		switch r := r.(type) {
		case *Command:
			require.NoError(t, w.Command(r))
		case *Block:
			require.NoError(t, w.Block(r))
		}
	}
	require.NoError(t, w.Close())
}

// encode returns a tape of the records.
func encode(t require.TestingT, h Header, records []any) []byte {
	var buf bytes.Buffer
	w, err := newWriter(nopCloser{&buf}, "test", h)
	require.NoError(t, err)
	writeAll(t, w, records)
	return buf.Bytes()
}

// encode returns a tape of the session.
func (s *session) encode(t require.TestingT) []byte { return encode(t, s.h, s.records) }

// newReader returns a Reader of a tape whose header is intact.
func newReader(t require.TestingT, tape []byte) *Reader {
	r, err := NewReader(bytes.NewReader(tape), "test")
	require.NoError(t, err)
	return r
}

// clone returns a copy of a record that shares nothing with it.
func clone(rec any) any {
	switch r := rec.(type) {
	case *Command:
		c := *r
		return &c
	case *Block:
		b := *r
		b.Sums, b.Samples = slices.Clone(r.Sums), slices.Clone(r.Samples)
		return &b
	}
	return nil
}

// decode reads a tape as far as it goes; err is io.EOF at its end.
func decode(b []byte) (h Header, records []any, err error) {
	r, err := NewReader(bytes.NewReader(b), "test")
	if err != nil {
		return h, nil, err
	}
	for {
		rec, err := r.Next()
		if err != nil {
			return r.Header(), records, err
		}
		records = append(records, clone(rec))
	}
}

// replay replays the session from a file.
func (s *session) replay(t *testing.T, visit func(*Block, []float32)) (*Result, error) {
	path := filepath.Join(t.TempDir(), "a.tape")
	w, err := Create(path, s.h)
	require.NoError(t, err)
	writeAll(t, w, s.records)
	r, err := Open(path)
	require.NoError(t, err)
	defer r.Close()
	return Replay(r, s.prog, visit)
}

// mustReplay replays the session, which must not be an error.
func (s *session) mustReplay(t *testing.T, visit func(*Block, []float32)) *Result {
	t.Helper()
	got, err := s.replay(t, visit)
	require.NoError(t, err)
	return got
}
