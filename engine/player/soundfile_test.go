package player

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/internal/shm"
	"chronus/engine/rig"
	"chronus/engine/sink"
)

// disk is a file format that keeps the numbers of the blocks written in memory.
type disk struct {
	holds            uint64
	created, resumed int
	missing          bool  // Resume finds no file
	full             error // of every write, while set
	blocks           []uint64
	closed           bool
}

func (d *disk) WriteBlock(block uint64, _ []float32) error {
	if d.full == nil {
		d.blocks = append(d.blocks, block)
	}
	return d.full
}

func (d *disk) Flush() error { return d.full }

func (d *disk) Close() error {
	d.closed = true
	return d.full
}

// onDisk returns a sound file on d, and the region whose blocks it copies.
func onDisk(t *testing.T, d *disk) (*soundFile, *shm.Player) {
	t.Helper()
	g, err := shm.NewGeometry(44100, 16, 1, 3, 1, 0, 0, false)
	require.NoError(t, err)
	region := rig.New(t, g).Player
	format := &sink.FileFormat{
		Create: func(string, sink.Shape) (sink.File, error) {
			d.created++
			d.missing = false
			return d, nil
		},
		Resume: func(string, sink.Shape) (sink.File, error) {
			if d.missing {
				return nil, unix.ENOENT
			}
			d.resumed++
			return d, nil
		},
	}
	return &soundFile{region: region, sink: sink.Spec{Kind: &sink.Kind{Name: "disk", File: format}}}, region
}

// hand hands out all blocks below count.
func hand(region *shm.Player, count uint64) {
	for b := range count {
		d, _ := region.Delivered(b)
		d.Block.Store(b + 1)
	}
	region.Playout.Store(count)
}

// Blocks is what a predecessor wrote.
func (d *disk) Blocks() uint64 { return d.holds }

func TestSoundFileGoesOnWhereAPredecessorDied(t *testing.T) {
	d := &disk{holds: 3}
	s, region := onDisk(t, d)
	region.Written.Store(3 | 1<<40) // a stray bit: the file knows better
	hand(region, 6)
	require.NoError(t, s.write(false, true))
	require.Equal(t, []uint64{3, 4, 5}, d.blocks)
	require.EqualValues(t, 6, region.Written.Load())
	require.NoError(t, s.write(true, false))
	require.True(t, d.closed)
	require.Equal(t, 1, d.resumed)
	require.Zero(t, d.created, "what a predecessor wrote is not emptied")
}

func TestSoundFileIsCreatedOnlyBeforeItsFirstBlock(t *testing.T) {
	d := &disk{missing: true}
	s, region := onDisk(t, d)
	region.Written.Store(1)
	require.ErrorIs(t, s.write(false, false), unix.ENOENT)
	require.Nil(t, s.file)
	region.Written.Store(0)
	require.NoError(t, s.write(false, false))
	require.Equal(t, 1, d.created)
}

func TestFullDiskIsReportedAndWhatItMissedIsWrittenLater(t *testing.T) {
	for _, c := range []struct {
		err  error
		want unix.Errno
	}{
		{unix.ENOSPC, unix.ENOSPC}, {io.ErrShortWrite, unix.ENOSPC}, {errors.New("something else"), unix.EIO},
	} {
		d := &disk{full: c.err}
		s, region := onDisk(t, d)
		hand(region, 5)
		s.report(s.write(false, true))
		errno, ok := shm.SinkErrno(region.SinkError.Load())
		require.True(t, ok)
		require.EqualValues(t, c.want, errno)
		require.True(t, s.failed)
		require.Zero(t, region.Written.Load())
		d.full = nil
		s.report(s.write(false, true))
		require.Zero(t, region.SinkError.Load())
		require.False(t, s.failed)
		require.Equal(t, []uint64{0, 1, 2, 3, 4}, d.blocks)
		require.Zero(t, region.Unwritten.Load())
	}
}

func TestBlocksWhosePlaceIsReusedAreGivenUpAndCounted(t *testing.T) {
	const late = 7
	d := &disk{full: unix.ENOSPC}
	s, region := onDisk(t, d)
	hand(region, keepBehind+late)
	require.Error(t, s.write(false, false))
	require.Error(t, s.write(false, false))
	require.EqualValues(t, late, region.Unwritten.Load(), "counted once, however often it is tried")
	d.full = nil
	require.NoError(t, s.write(false, false))
	require.EqualValues(t, late, region.Unwritten.Load())
	require.EqualValues(t, late, d.blocks[0], "the oldest block that is still there")
	require.Len(t, d.blocks, keepBehind)
}
