package wavfile

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// header returns the header of a file of that many frames, built field by field
// from the specifications.
func header(rate, channels, frames uint32) []byte {
	var b bytes.Buffer
	u16 := func(v uint16) { b.Write(le.AppendUint16(nil, v)) }
	u32 := func(v uint32) { b.Write(le.AppendUint32(nil, v)) }
	data := frames * channels * 4
	b.WriteString("RIFF")
	u32(4 + 36 + 26 + 12 + 8 + data) // WAVE, JUNK, fmt, fact, data
	b.WriteString("WAVE")
	b.WriteString("JUNK")
	u32(28)
	b.Write(make([]byte, 28))
	b.WriteString("fmt ")
	u32(18)
	u16(3)
	u16(uint16(channels))
	u32(rate)
	u32(rate * channels * 4)
	u16(uint16(channels * 4))
	u16(32)
	u16(0)
	b.WriteString("fact")
	u32(4)
	u32(frames)
	b.WriteString("data")
	u32(data)
	return b.Bytes()
}

// create opens a new file at 44,100 Hz.
func create(t *testing.T, channels, frames int) (*File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.wav")
	w, err := Open(path, 44100, channels, frames)
	require.NoError(t, err)
	return w, path
}

// block returns samples that differ from those of any other block and from each
// other.
func block(n uint64, samples int) []float32 {
	out := make([]float32, samples)
	for i := range out {
		out[i] = float32(n) + float32(i)/float32(samples)
	}
	return out
}

// write writes the blocks of those numbers.
func write(t *testing.T, w *File, numbers ...uint64) {
	t.Helper()
	for _, n := range numbers {
		require.NoError(t, w.WriteBlock(n, block(n, w.frames*w.format.channels)))
	}
}

// openReader opens a reader that is closed when the test ends.
func openReader(t *testing.T, path string) *Reader {
	t.Helper()
	r, err := OpenReader(path)
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// frames returns how many frames r has at the moment.
func frames(t *testing.T, r *Reader) int64 {
	t.Helper()
	n, err := r.Frames()
	require.NoError(t, err)
	return n
}

// readAll returns all samples of a file.
func readAll(t *testing.T, path string) []float32 {
	t.Helper()
	r := openReader(t, path)
	n := frames(t, r)
	out := make([]float32, n*int64(r.Channels()))
	m, err := r.ReadFrames(out, 0)
	require.NoError(t, err)
	require.EqualValues(t, n, m)
	return out
}

// raw returns the bytes of a file.
func raw(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func TestHeaderMatchesTheSpecificationByteForByte(t *testing.T) {
	for _, c := range []struct{ channels, frames, blocks int }{{1, 256, 0}, {1, 256, 3}, {2, 64, 5}} {
		w, path := create(t, c.channels, c.frames)
		for b := range uint64(c.blocks) {
			write(t, w, b)
		}
		require.NoError(t, w.Close())
		got := raw(t, path)
		want := header(44100, uint32(c.channels), uint32(c.blocks*c.frames))
		require.Len(t, want, HeaderSize)
		require.Equal(t, want, got[:HeaderSize])
		require.Len(t, got, HeaderSize+c.blocks*c.frames*c.channels*4)
	}
}

func TestHeaderBecomesRF64BeyondFourGiB(t *testing.T) {
	const limit = math.MaxUint32 - (HeaderSize - 8) // bytes of samples that fit a RIFF size
	h := make([]byte, HeaderSize)
	f := format{44100, 1}

	f.put(h, limit-limit%4)
	require.Equal(t, "RIFF", string(h[:4]))
	require.Equal(t, "JUNK", string(h[12:16]))

	data := uint64(limit - limit%4 + 4)
	f.put(h, data)
	require.Equal(t, "RF64\xff\xff\xff\xffWAVEds64", string(h[:16]))
	require.EqualValues(t, 28, le.Uint32(h[16:]))
	require.Equal(t, data+HeaderSize-8, le.Uint64(h[20:]), "riff size")
	require.Equal(t, data, le.Uint64(h[28:]), "data size")
	require.Equal(t, data/4, le.Uint64(h[36:]), "sample count")
	require.Zero(t, le.Uint32(h[44:]), "table length")
	require.Equal(t, "fmt ", string(h[48:52]))
	require.EqualValues(t, math.MaxUint32, le.Uint32(h[82:]), "fact")
	require.Equal(t, "data\xff\xff\xff\xff", string(h[86:]))

	f.put(h, 8) // a RIFF header again leaves nothing of it
	require.Equal(t, header(44100, 1, 2), h)
}

// The file is sparse: the blocks in between take no disk space.
func TestFileBeyondFourGiBReadsBack(t *testing.T) {
	w, path := create(t, 1, 256)
	const far = 5 << 30 / 1024
	write(t, w, 0, far)
	require.NoError(t, w.Close())
	r := openReader(t, path)
	require.EqualValues(t, (far+1)*256, frames(t, r))
	got := make([]float32, 256)
	_, err := r.ReadFrames(got, far*256)
	require.NoError(t, err)
	require.Equal(t, block(far, 256), got)

	w, err = Reopen(path, 44100, 1, 256) // an RF64 file is continued like any other
	require.NoError(t, err)
	require.EqualValues(t, (far+1)*256*4, w.end)
	require.NoError(t, w.Close())
}

func TestSamplesComeBackBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "wavfile")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		channels := rapid.IntRange(1, 3).Draw(t, "channels")
		frames := rapid.IntRange(1, 40).Draw(t, "frames")
		bits := rapid.SliceOfN(rapid.Uint32(), frames*channels, frames*channels) // also NaNs and denormals
		path := filepath.Join(dir, "a.wav")
		w, err := Open(path, 48000, channels, frames)
		require.NoError(t, err)
		var want []uint32
		for b := range rapid.Uint64Range(0, 20).Draw(t, "blocks") {
			in := bits.Draw(t, "samples")
			want = append(want, in...)
			samples := make([]float32, len(in))
			for i, v := range in {
				samples[i] = math.Float32frombits(v)
			}
			require.NoError(t, w.WriteBlock(b, samples))
		}
		require.NoError(t, w.Close())

		r, err := OpenReader(path)
		require.NoError(t, err)
		defer r.Close()
		require.Equal(t, 48000, r.Rate())
		// In pieces of any size, from any frame on.
		total := len(want) / channels
		at := rapid.IntRange(0, total).Draw(t, "at")
		dst := make([]float32, channels*rapid.IntRange(1, 50).Draw(t, "piece"))
		for at < total {
			n, err := r.ReadFrames(dst, int64(at))
			if n*channels < len(dst) {
				require.ErrorIs(t, err, io.EOF)
				require.Equal(t, total, at+n)
			} else {
				require.NoError(t, err)
			}
			for i, s := range dst[:n*channels] {
				require.Equal(t, want[at*channels+i], math.Float32bits(s))
			}
			at += n
		}
		n, err := r.ReadFrames(dst, int64(total))
		require.Zero(t, n)
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestLeftOutBlocksAreSilence(t *testing.T) {
	w, path := create(t, 1, 4)
	write(t, w, 3, 1)
	require.NoError(t, w.Close())
	silence := make([]float32, 4)
	require.Equal(t, slices.Concat(silence, block(1, 4), silence, block(3, 4)), readAll(t, path))
}

func TestKilledWritersFileIsReadAndContinued(t *testing.T) {
	w, path := create(t, 2, 8)
	write(t, w, 0)
	require.NoError(t, w.Flush())
	write(t, w, 1)
	require.NoError(t, w.f.Close()) // killed, without Flush

	have := raw(t, path)
	require.Equal(t, header(44100, 2, 8), have[:HeaderSize], "the header is that of the last Flush")
	require.Equal(t, slices.Concat(block(0, 16), block(1, 16)), readAll(t, path), "the reader returns every sample")

	// Killed in the middle of a sample.
	require.NoError(t, os.WriteFile(path, append(have, 1, 2, 3, 4, 5, 6, 7, 8, 9), 0o644))
	w, err := Reopen(path, 44100, 2, 8)
	require.NoError(t, err)
	require.EqualValues(t, 17*8, w.end, "17 whole frames")
	write(t, w, 2)
	require.NoError(t, w.Close())
	require.Equal(t, slices.Concat(block(0, 16), block(1, 16), block(2, 16)), readAll(t, path))
	require.Equal(t, header(44100, 2, 24), raw(t, path)[:HeaderSize])
}

func TestReaderFollowsAGrowingFile(t *testing.T) {
	w, path := create(t, 1, 4)
	r := openReader(t, path)
	dst := make([]float32, 4)
	for b := range uint64(5) {
		_, err := r.ReadFrames(dst, int64(b)*4)
		require.ErrorIs(t, err, io.EOF)
		write(t, w, b)
		require.EqualValues(t, 4*(b+1), frames(t, r))
		_, err = r.ReadFrames(dst, int64(b)*4)
		require.NoError(t, err)
		require.Equal(t, block(b, 4), dst)
	}
	require.NoError(t, w.Close())
}

func TestWritingDoesNotAllocate(t *testing.T) {
	w, _ := create(t, 1, 256)
	defer w.Close()
	samples := block(0, 256)
	n := uint64(0)
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if w.WriteBlock(n, samples) != nil || w.Flush() != nil {
			panic("write")
		}
		n++
	}))
}

func TestInvalidArgumentsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	for _, c := range []struct{ rate, channels, frames int }{
		{0, 1, 1}, {44100, 0, 1}, {44100, 1, 0}, {44100, 1 << 20, 1}, {44100, 1, math.MaxInt32},
	} {
		_, err := Open(path, c.rate, c.channels, c.frames)
		require.Error(t, err)
		require.NoFileExists(t, path)
	}
	_, err := Reopen(path, 44100, 1, 256)
	require.ErrorIs(t, err, os.ErrNotExist)

	w, err := Open(path, 44100, 1, 4)
	require.NoError(t, err)
	require.ErrorIs(t, w.WriteBlock(0, make([]float32, 3)), errLength)
	require.ErrorIs(t, w.WriteBlock(math.MaxUint64, make([]float32, 4)), errBlock)
	require.ErrorIs(t, w.WriteBlock(math.MaxInt64/16, make([]float32, 4)), errBlock)
	require.NoError(t, w.Close())
	before := raw(t, path)
	for _, c := range []struct{ rate, channels int }{{48000, 1}, {44100, 2}} {
		_, err = Reopen(path, c.rate, c.channels, 4)
		require.ErrorContains(t, err, "has 1 channels at 44100 Hz")
	}
	require.Equal(t, before, raw(t, path), "a refused file is left alone")

	r := openReader(t, path)
	for _, at := range []int64{-1, math.MaxInt64, math.MaxInt64 / 4} {
		_, err = r.ReadFrames(make([]float32, 4), at)
		require.Error(t, err)
		require.NotErrorIs(t, err, io.EOF)
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	good := header(44100, 1, 0)
	edit := func(at int, b ...byte) []byte {
		return append(append(append([]byte{}, good[:at]...), b...), good[at+len(b):]...)
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":            {nil, "truncated"},
		"half a header":    {good[:60], "truncated"},
		"no RIFF":          {edit(0, 'X'), "not a RIFF"},
		"no WAVE":          {edit(8, 'X'), "not a RIFF"},
		"PCM":              {edit(56, 1), "format tag 1, 32 bits"},
		"64 bits":          {edit(70, 64), "format tag 3, 64 bits"},
		"no channels":      {edit(58, 0), "0 channels"},
		"wrong frame size": {edit(68, 3), "3 bytes per frame"},
		"no fmt":           {edit(48, 'X'), "no fmt chunk"},
		"no data":          {append(edit(86, 'X'), bytes.Repeat([]byte("LIST\x00\x00\x00\x00"), 100)...), "no data chunk"},
		"short fmt":        {edit(52, 4), "the fmt chunk has only 4 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "b.wav")
			require.NoError(t, os.WriteFile(path, c.file, 0o644))
			_, err := OpenReader(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(header(44100, 1, 0))
	f.Add(header(48000, 2, 3)[:70])
	h := make([]byte, HeaderSize)
	format{44100, 1}.put(h, 5<<30)
	f.Add(h)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, at, err := parse(bytes.NewReader(b))
		if err == nil && (got.validate() != nil || at < 20 || at > int64(len(b))) {
			t.Fatalf("accepted %+v with samples from byte %d of %d", got, at, len(b))
		}
	})
}

func TestADeletedFileIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deleted.wav")
	f, err := Open(path, 44100, 1, 16)
	require.NoError(t, err)
	require.NoError(t, f.WriteBlock(0, make([]float32, 16)))
	require.NoError(t, f.Flush())
	require.EqualValues(t, 1, f.Blocks())
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, f.Flush(), os.ErrNotExist)
	require.ErrorIs(t, f.Close(), os.ErrNotExist)
}
