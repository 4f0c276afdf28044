package tape

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/rig"
)

func TestExportIsWhatWasDelivered(t *testing.T) {
	s := newSession(t)
	s.deliver(3)
	s.send(0.5)
	s.late(2) // concealed
	s.deliver(2)
	var want []float32
	for _, b := range s.blocks() {
		if b.Flags&FlagLost != 0 {
			b.Samples[0] = 0.25
		}
		want = append(want, b.Samples...)
	}
	path := filepath.Join(t.TempDir(), "a.wav")
	for name, read := range map[string]func(*Reader){
		"alone":           func(*Reader) {},
		"beside a replay": func(r *Reader) { _, _ = Replay(r, s.prog, nil) },
	} {
		r := newReader(t, s.encode(t))
		x, err := NewExport(r, path)
		require.NoError(t, err)
		read(r)
		written, err := x.Close()
		require.NoError(t, err)
		require.Equal(t, Exported{Frames: uint64(len(want))}, written, name)
		require.Equal(t, want, rig.Sound(t, path), name)
	}
}

func TestExportOfABlockFarAheadIsRefused(t *testing.T) {
	s := newSession(t)
	s.deliver(1)
	s.block = maxGap + 2
	s.records = append(s.records, s.record())
	x, err := NewExport(newReader(t, s.encode(t)), filepath.Join(t.TempDir(), "a.wav"))
	require.NoError(t, err)
	written, err := x.Close()
	require.ErrorIs(t, err, ErrInconsistent)
	require.EqualValues(t, testHeader.Frames, written.Frames)
}

func TestExportKeepsTheFirstOfTwoBlocks(t *testing.T) {
	s := newSession(t)
	s.deliver(2)
	again := *s.records[1].(*Block)
	again.Samples = make([]float32, testHeader.Frames)
	s.records = append(s.records, &again)
	path := filepath.Join(t.TempDir(), "a.wav")
	x, err := NewExport(newReader(t, s.encode(t)), path)
	require.NoError(t, err)
	_, err = x.Close()
	require.NoError(t, err)
	require.Equal(t, s.want[1], rig.Sound(t, path)[testHeader.Frames:])
}
