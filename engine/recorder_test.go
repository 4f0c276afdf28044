//go:build linux

package engine

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/command"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
	"chronus/engine/tape"
)

// deliver makes the player's region look as if that many more blocks had been
// delivered.
func deliver(p *shm.Player, blocks uint64) {
	for n := p.Playout.Load(); blocks > 0; blocks-- {
		d, _ := p.Delivered(n)
		d.DeliveredInfo = shm.DeliveredInfo{Prev: n, Slot: 0}
		d.Block.Store(n + 1)
		n++
		p.Playout.Store(n)
	}
}

func recording(t *testing.T, path string) (*recorder, *shm.Player, *rig.Log) {
	g, err := shm.NewGeometry(44100, 256, 1, 3, 1, 0, 0, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	log := new(rig.Log)
	rec, err := newRecorder(path, tape.Header{Rate: 44100, Frames: 256, Channels: 1, Slots: int(g.Slots)}, r.Player,
		slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	return rec, r.Player, log
}

func TestStuckDiskHoldsUpNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe") // which has no reader yet
	require.NoError(t, unix.Mkfifo(path, 0o600))
	rec, player, log := recording(t, path)
	rec.start()
	for n := range uint64(3 * maxWaiting) {
		rec.command(n, command.Command{}) // returns
	}
	for range 10 {
		deliver(player, shm.DeliveredCount)
	}
	missed, _ := rec.lacks(player.Playout.Load())
	require.GreaterOrEqual(t, missed, uint64(8*shm.DeliveredCount), "counted while it is stuck")
	rec.mu.Lock()
	require.LessOrEqual(t, cap(rec.waiting), 2*maxWaiting)
	rec.mu.Unlock()
	rec.finish()
	require.Contains(t, log.String(), "no longer accepts anything")

	// Once the pipe is read, the recorder ends without touching the region,
	// which may be unmapped.
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	read := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, f)
		close(read)
	}()
	<-rec.ended
	<-read
}

func TestMoreCommandsThanFitEndTheTape(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tape")
	rec, player, log := recording(t, path)
	for n := range uint64(maxWaiting + 1) {
		rec.command(n, command.Command{})
	}
	deliver(player, 10)
	rec.start()
	rec.finish()
	missed, failure := rec.lacks(10)
	require.Equal(t, errWaiting.Error(), failure)
	require.NotZero(t, missed)
	require.Contains(t, log.String(), "the tape ends here")
	rec.command(0, command.Command{})
	require.Empty(t, rec.waiting, "no more commands are kept for it")
}

func TestBlocksMissedByASlowDiskAreCountedAndLoggedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tape")
	rec, player, log := recording(t, path)
	deliver(player, shm.DeliveredCount+100)
	rec.start()
	rec.finish()
	missed, failure := rec.lacks(player.Playout.Load())
	require.EqualValues(t, 101, missed, "the place of one more may be about to be reused")
	require.Empty(t, failure)
	require.Equal(t, 1, strings.Count(log.String(), "too slow for the tape"))
	r, err := tape.Open(path)
	require.NoError(t, err)
	defer r.Close()
	rec1, err := r.Next()
	require.NoError(t, err)
	require.EqualValues(t, 101, rec1.(*tape.Block).Block)
}
