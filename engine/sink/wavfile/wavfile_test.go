package wavfile

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// header builds the header of a file of that many frames, field by field from
// the specifications.
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

func create(t *testing.T, channels, frames int) (*File, string) {
	path := filepath.Join(t.TempDir(), "a.wav")
	w, err := Open(path, 44100, channels, frames)
	require.NoError(t, err)
	return w, path
}

// block returns samples that differ by block and by place within the block.
func block(n uint64, samples int) []float32 {
	out := make([]float32, samples)
	for i := range out {
		out[i] = float32(n) + float32(i)/float32(samples)
	}
	return out
}

func readAll(t *testing.T, path string) []float32 {
	r, err := OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	n, err := r.Frames()
	require.NoError(t, err)
	out := make([]float32, n*int64(r.Channels()))
	m, err := r.ReadFrames(out, 0)
	require.NoError(t, err)
	require.EqualValues(t, n, m)
	return out
}

func TestHeaderIsByteForByteTheSpecification(t *testing.T) {
	for _, c := range []struct{ channels, frames, blocks int }{{1, 256, 0}, {1, 256, 3}, {2, 64, 5}} {
		w, path := create(t, c.channels, c.frames)
		for b := range uint64(c.blocks) {
			require.NoError(t, w.WriteBlock(b, block(b, c.frames*c.channels)))
		}
		require.NoError(t, w.Close())
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		want := header(44100, uint32(c.channels), uint32(c.blocks*c.frames))
		require.Len(t, want, HeaderSize)
		require.Equal(t, want, got[:HeaderSize])
		require.Len(t, got, HeaderSize+c.blocks*c.frames*c.channels*4)
	}
}

func TestHeaderBecomesRF64BeyondFourGiB(t *testing.T) {
	const limit = math.MaxUint32 - (HeaderSize - 8) // bytes of samples that a RIFF size can still hold
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

	f.put(h, 8) // a shorter file's header leaves nothing of it
	require.Equal(t, header(44100, 1, 2), h)
}

// The file is sparse: the blocks in between take no disk space.
func TestFileBeyondFourGiBReadsBack(t *testing.T) {
	w, path := create(t, 1, 256)
	const far = 5 << 30 / 1024
	require.NoError(t, w.WriteBlock(0, block(1, 256)))
	require.NoError(t, w.WriteBlock(far, block(2, 256)))
	require.NoError(t, w.Close())
	r, err := OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	n, err := r.Frames()
	require.NoError(t, err)
	require.EqualValues(t, (far+1)*256, n)
	got := make([]float32, 256)
	_, err = r.ReadFrames(got, far*256)
	require.NoError(t, err)
	require.Equal(t, block(2, 256), got)

	w, err = Reopen(path, 44100, 1, 256) // an RF64 file is resumed like any other
	require.NoError(t, err)
	require.EqualValues(t, (far+1)*256, w.Frames())
	require.NoError(t, w.Close())
}

func TestSamplesComeBackBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "wavfile")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		channels := rapid.IntRange(1, 3).Draw(t, "channels")
		frames := rapid.IntRange(1, 40).Draw(t, "frames")
		bits := rapid.SliceOfN(rapid.Uint32(), frames*channels, frames*channels) // NaNs and denormals too
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
		// In pieces of any size, from any place.
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
	require.NoError(t, w.WriteBlock(3, block(3, 4)))
	require.NoError(t, w.WriteBlock(1, block(1, 4)))
	require.NoError(t, w.Close())
	require.Equal(t, append(append(make([]float32, 4), block(1, 4)...), append(make([]float32, 4), block(3, 4)...)...), readAll(t, path))
}

func TestFileOfAKilledWriterIsReadAndResumed(t *testing.T) {
	w, path := create(t, 2, 8)
	require.NoError(t, w.WriteBlock(0, block(0, 16)))
	require.NoError(t, w.Flush())
	require.NoError(t, w.WriteBlock(1, block(1, 16)))
	require.NoError(t, w.f.Close()) // killed: no Flush

	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, header(44100, 2, 8), raw[:HeaderSize], "the header is that of the last Flush")
	require.Equal(t, append(block(0, 16), block(1, 16)...), readAll(t, path), "the reader has all")

	// Killed in the middle of a sample.
	require.NoError(t, os.WriteFile(path, append(raw, 1, 2, 3, 4, 5, 6, 7, 8, 9), 0o644))
	w, err = Reopen(path, 44100, 2, 8)
	require.NoError(t, err)
	require.EqualValues(t, 17, w.Frames())
	require.NoError(t, w.WriteBlock(2, block(2, 16)))
	require.NoError(t, w.Close())
	require.Equal(t, append(append(block(0, 16), block(1, 16)...), block(2, 16)...), readAll(t, path))
	raw, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, header(44100, 2, 24), raw[:HeaderSize])
}

func TestReaderFollowsAGrowingFile(t *testing.T) {
	w, path := create(t, 1, 4)
	r, err := OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	dst := make([]float32, 4)
	for b := range uint64(5) {
		_, err = r.ReadFrames(dst, int64(b)*4)
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, w.WriteBlock(b, block(b, 4)))
		n, err := r.Frames()
		require.NoError(t, err)
		require.EqualValues(t, 4*(b+1), n)
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

func TestMistakesAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.wav")
	for _, c := range []struct{ rate, channels, frames int }{{0, 1, 1}, {44100, 0, 1}, {44100, 1, 0}, {44100, 1 << 20, 1}, {44100, 1, math.MaxInt32}} {
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
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, c := range []struct{ rate, channels int }{{48000, 1}, {44100, 2}} {
		_, err = Reopen(path, c.rate, c.channels, 4)
		require.ErrorContains(t, err, "holds 1 channels at 44100 Hz")
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "a refused file is left alone")

	r, err := OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
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
		"empty":          {nil, "cut off"},
		"half a header":  {good[:60], "cut off"},
		"no RIFF":        {edit(0, 'X'), "not a RIFF"},
		"no WAVE":        {edit(8, 'X'), "not a RIFF"},
		"PCM":            {edit(56, 1), "format tag 1 with 32 bits"},
		"64 bits":        {edit(70, 64), "format tag 3 with 64 bits"},
		"no channels":    {edit(58, 0), "0 channels at"},
		"odd frame size": {edit(68, 3), "3 bytes per frame"},
		"no fmt":         {edit(48, 'X'), "no fmt chunk"},
		"no data":        {append(edit(86, 'X'), bytes.Repeat([]byte("LIST\x00\x00\x00\x00"), 100)...), "no data chunk"},
		"short fmt":      {edit(52, 4), "fmt chunk of 4 bytes"},
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
