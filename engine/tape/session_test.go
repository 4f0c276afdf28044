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

// testHeader is small, so that a tape of a few blocks can be cut at every byte.
var testHeader = Header{
	Version: Version, Rate: 44100, Frames: 4, Channels: 1, Lead: 3, Replicas: 2, Spares: 1, Slots: 3, Ring: 16,
	Patch: "test", PatchText: "out = \"ü\"\n", Build: "b1", StartedNS: 17, Date: "2026-01-02T03:04:05Z",
}

// level is the address of the parameter that the tests command: the value of a const that is mixed with a sine, so that a
// state too many or too few is heard, as is a command too many or too few.
const level = 0

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

// session stands in for an engine: it makes the records of one, the plain way, with the state of every block kept.
type session struct {
	h       Header
	prog    *dsp.Program
	records []any
	log     []Command
	block   uint64 // due next
	prev    uint64 // the state follows the block before this one
	after   map[uint64]snapshot
	want    map[uint64][]float32 // the reference of each block record, nil where nobody can have one
}

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

// sendAt appends a command for a frame.
func (s *session) sendAt(frame int64, v float64) {
	c := Command{Index: uint64(len(s.log)), Address: level, Value: v, Frame: frame, RecvNS: int64(1000 + len(s.log))}
	s.log = append(s.log, c)
	s.records = append(s.records, &c)
}

// render makes the block due from the state that stands before prev, and returns it as a record.
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

// late loses n blocks that were rendered, too late to be played: after an outage the first of them is the one that goes on
// from before it.
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

// outage loses n blocks that nobody rendered.
func (s *session) outage(n int) {
	for range n {
		b := s.record()
		b.Prev, b.Flags = s.block, FlagLost
		s.records = append(s.records, b)
		s.block++
	}
}

// fade makes the last block the end of an ordered stop.
func (s *session) fade() {
	b := s.blocks()
	last := b[len(b)-1]
	last.Flags |= FlagFade
	dsp.Fade(last.Samples, s.h.Channels)
	s.want[last.Block] = slices.Clone(last.Samples)
}

// goOnFrom makes the next block follow the state before block n.
func (s *session) goOnFrom(n uint64) { s.prev = n }

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

func encode(t require.TestingT, h Header, records []any) []byte {
	var buf bytes.Buffer
	w, err := newWriter(nopCloser{&buf}, "test", h)
	require.NoError(t, err)
	for _, r := range records {
		switch r := r.(type) {
		case *Command:
			require.NoError(t, w.Command(r))
		case *Block:
			require.NoError(t, w.Block(r))
		}
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

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

// decode reads what there is.
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

// replay replays the session through a file.
func (s *session) replay(t *testing.T, visit func(*Block, []float32)) (*Result, error) {
	path := filepath.Join(t.TempDir(), "a.tape")
	w, err := Create(path, s.h)
	require.NoError(t, err)
	for _, r := range s.records {
		switch r := r.(type) {
		case *Command:
			require.NoError(t, w.Command(r))
		case *Block:
			require.NoError(t, w.Block(r))
		}
	}
	require.NoError(t, w.Close())
	r, err := Open(path)
	require.NoError(t, err)
	defer r.Close()
	return Replay(r, s.prog, visit)
}
