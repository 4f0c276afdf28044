package tape

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawRecord draws a command or a block of any content.
func drawRecord(t *rapid.T, h Header) any {
	u64, u32 := rapid.Uint64(), rapid.Uint32()
	if rapid.Bool().Draw(t, "command") {
		return &Command{
			Index: u64.Draw(t, "index"), Address: u32.Draw(t, "address"), Value: rapid.Float64().Draw(t, "value"),
			Frame: rapid.Int64().Draw(t, "frame"), RecvNS: rapid.Int64().Draw(t, "recv"),
		}
	}
	return &Block{
		Block: u64.Draw(t, "block"), Prev: u64.Draw(t, "prev"), Cutoff: u64.Draw(t, "cutoff"),
		Sealed: u64.Draw(t, "sealed"), Slot: rapid.Int32().Draw(t, "slot"), Flags: u32.Draw(t, "flags"),
		Generation: u32.Draw(t, "generation"), EntryNS: rapid.Int64().Draw(t, "entry"),
		ReturnNS: rapid.Int64().Draw(t, "return"), Sum: u64.Draw(t, "sum"),
		Sums:    rapid.SliceOfN(u64, h.Slots, h.Slots).Draw(t, "sums"),
		Samples: rapid.SliceOfN(rapid.Float32(), h.Frames*h.Channels, h.Frames*h.Channels).Draw(t, "samples"),
	}
}

func TestTapeReadsBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Header{
			Version: Version, Lead: 3, Ring: 16,
			Rate: rapid.IntRange(1, maxRate).Draw(t, "rate"), Frames: rapid.IntRange(1, 9).Draw(t, "frames"),
			Channels: rapid.IntRange(1, 3).Draw(t, "channels"), Slots: rapid.IntRange(0, 5).Draw(t, "slots"),
			Patch: rapid.String().Draw(t, "patch"), PatchText: rapid.String().Draw(t, "text"),
			StartedNS: rapid.Int64().Draw(t, "started"),
		}
		record := rapid.Custom(func(t *rapid.T) any { return drawRecord(t, h) })
		records := rapid.SliceOfN(record, 0, 12).Draw(t, "records")
		gotHeader, got, err := decode(encode(t, h, records))
		require.Equal(t, io.EOF, err)
		require.Equal(t, h, gotHeader)
		require.Equal(t, records, append([]any{}, got...))
	})
}

func TestSamplesAndValuesKeepTheirBits(t *testing.T) {
	h := testHeader
	h.Frames = 3
	nan := math.Float32frombits(0x7fc12345)
	negative := float32(math.Copysign(0, -1))
	in := &Block{Sums: make([]uint64, h.Slots), Samples: []float32{nan, negative, math.SmallestNonzeroFloat32}}
	_, got, err := decode(encode(t, h, []any{in, &Command{Value: math.Inf(-1)}}))
	require.Equal(t, io.EOF, err)
	for i, s := range got[0].(*Block).Samples {
		require.Equal(t, math.Float32bits(in.Samples[i]), math.Float32bits(s))
	}
	require.True(t, math.IsInf(got[1].(*Command).Value, -1))
}

// smallSession is a session with a bit of everything: 3 commands and 4 blocks,
// one of them lost.
func smallSession(t require.TestingT) *session {
	s := newSession(t)
	s.send(0.25)
	s.deliver(2)
	s.send(0.5, 0.75)
	s.outage(1)
	s.deliver(1)
	return s
}

func TestTruncationAtEveryByteIsFoundAndKeepsWholeRecords(t *testing.T) {
	s := smallSession(t)
	tape := s.encode(t)
	_, all, err := decode(tape)
	require.Equal(t, io.EOF, err)
	boundaries := 0
	for n := range tape {
		_, got, err := decode(tape[:n])
		require.ErrorIs(t, err, ErrUnfinished, "cut at %d", n)
		require.Equal(t, all[:len(got)], append([]any{}, got...), "cut at %d", n)
		var corrupt *CorruptError
		if errors.As(err, &corrupt) {
			require.LessOrEqual(t, corrupt.Offset, int64(n))
			require.Contains(t, err.Error(), "tape: test: byte ")
		} else {
			boundaries++ // the cut is between records
		}
	}
	require.Equal(t, len(s.records)+1, boundaries)
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	tape := smallSession(t).encode(t)
	for i := range tape {
		for bit := range 8 {
			bad := bytes.Clone(tape)
			bad[i] ^= 1 << bit
			_, _, err := decode(bad)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt, "bit %d of byte %d", bit, i)
			require.LessOrEqual(t, corrupt.Offset, int64(i), "bit %d of byte %d", bit, i)
		}
	}
}

func TestMissingAndRepeatedRecordsAreFound(t *testing.T) {
	s := smallSession(t)
	tape := s.encode(t)
	at := len(encode(t, s.h, nil)) - (headSize + endSize + sumSize) // of the first record
	for _, rec := range s.records {
		n := headSize + s.h.blockPayload() + sumSize
		if _, ok := rec.(*Command); ok {
			n = headSize + commandSize + sumSize
		}
		for _, bad := range [][]byte{
			slices.Concat(tape[:at], tape[at+n:]), // the record is missing
			slices.Concat(tape[:at+n], tape[at:]), // it comes twice
		} {
			_, _, err := decode(bad)
			require.ErrorContains(t, err, "the end record counts 3 commands and 4 blocks")
		}
		at += n
	}
	_, _, err := decode(append(bytes.Clone(tape), 0))
	require.ErrorContains(t, err, "there are bytes after the end record")
}

func TestReaderReturnsTheSameErrorAgain(t *testing.T) {
	tape := smallSession(t).encode(t)
	r := newReader(t, tape[:len(tape)-3])
	var first error
	for first == nil {
		_, first = r.Next()
	}
	_, again := r.Next()
	require.Same(t, first, again)
	require.NoError(t, r.Close())
}

func TestFilesThatAreNotTapesAreRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "the file ends within this record"},
		"other file":       {"RIFF....WAVE", "not a tape"},
		"other magic":      {"CHRTAPX", "not a tape"},
		"no header":        {magic + "B\x00\x00\x00\x00", "there is no header record"},
		"huge header":      {magic + "H\xff\xff\xff\xff", "the header has 4294967295 bytes"},
		"truncated header": {magic + "H\x00\x00\x3f\x00", "the file ends within this record"},
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
		_, err := Open(path)
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, name)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, path)
	}
}

func TestHeadersBeyondTheLimitsAreRefused(t *testing.T) {
	for want, edit := range map[string]func(*Header){
		"rate 0 is not in":               func(h *Header) { h.Rate = 0 },
		"frames 65537 is not in":         func(h *Header) { h.Frames = maxSamples + 1 },
		"channels -1 is not in":          func(h *Header) { h.Channels = -1 },
		"frames*channels 1048576 is not": func(h *Header) { h.Frames, h.Channels = 1<<10, 1<<10 },
		"slots 257 is not in":            func(h *Header) { h.Slots = maxSlots + 1 },
		"lead -1 is not in":              func(h *Header) { h.Lead = -1 },
		"patch_text is not UTF-8":        func(h *Header) { h.PatchText = "\xff" },
		"bytes, the limit is 4194304":    func(h *Header) { h.PatchText = string(make([]byte, maxHeader)) },
	} {
		h := testHeader
		edit(&h)
		_, err := Create(filepath.Join(t.TempDir(), "a.tape"), h)
		require.ErrorContains(t, err, want)
	}
}

func TestOtherVersionsAreRefused(t *testing.T) {
	const header = `{"version":9}`
	rec := make([]byte, headSize+len(header)+sumSize)
	copy(rec[headSize:], header)
	putHead(rec, typeHeader, len(header))
	putSum(rec)
	_, err := NewReader(bytes.NewReader(append([]byte(magic), rec...)), "x.tape")
	require.EqualError(t, err, "tape: x.tape: the tape has version 9, but this program reads version 1")
}

func TestWriterRefusesABlockOfTheWrongShapeAndStaysUsable(t *testing.T) {
	s := newSession(t)
	s.deliver(1)
	good := s.blocks()[0]
	bad := clone(good).(*Block)
	bad.Sums = bad.Sums[:1]
	path := filepath.Join(t.TempDir(), "a.tape")
	w, err := Create(path, s.h)
	require.NoError(t, err)
	require.ErrorContains(t, w.Block(bad), "block 0 has 1 sums and 4 samples, not 3 and 4")
	require.NoError(t, w.Block(good))
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Block(good), os.ErrClosed)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	_, got, err := decode(b)
	require.Equal(t, io.EOF, err)
	require.Equal(t, []any{good}, got)
}

func TestFlushedRecordsSurviveTheirWriter(t *testing.T) {
	s := smallSession(t)
	path := filepath.Join(t.TempDir(), "a.tape")
	w, err := Create(path, s.h)
	require.NoError(t, err)
	read := func() ([]any, error) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		_, got, err := decode(b)
		return got, err
	}
	got, err := read()
	require.ErrorIs(t, err, ErrUnfinished, "the header is there from the start")
	require.Empty(t, got)
	for _, b := range s.blocks() {
		require.NoError(t, w.Block(b))
	}
	require.NoError(t, w.Flush())
	got, err = read()
	require.Equal(t, ErrUnfinished, err, "the last record is whole")
	require.Len(t, got, len(s.blocks()))
	require.NoError(t, w.Close())
}

// fullDisk is a disk that is full after n writes.
type fullDisk struct {
	n      int
	closed bool
}

var errFull = errors.New("disk full")

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.n--; d.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func (d *fullDisk) Close() error {
	d.closed = true
	return nil
}

func TestEveryCallAfterAFailedWriteReturnsItsError(t *testing.T) {
	s := smallSession(t)
	disk := &fullDisk{n: 1}
	w, err := newWriter(disk, "a.tape", s.h)
	require.NoError(t, err)
	require.NoError(t, w.Block(s.blocks()[0]), "buffered")
	require.ErrorIs(t, w.Flush(), errFull)
	disk.n = 100
	require.ErrorIs(t, w.Block(s.blocks()[1]), errFull, "a tape with a hole would be worse than none")
	require.ErrorIs(t, w.Command(&Command{}), errFull)
	require.ErrorIs(t, w.Close(), errFull)
	require.True(t, disk.closed)
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	s := smallSession(t)
	w, err := newWriter(nopCloser{io.Discard}, "test", s.h)
	require.NoError(t, err)
	b, c := s.blocks()[0], &Command{}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if w.Block(b) != nil || w.Command(c) != nil || w.Flush() != nil {
			panic("write")
		}
	}))
}
