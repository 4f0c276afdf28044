//go:build linux

package engine

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
	"chronus/engine/tape"
)

// deliver makes the player's region look as if so many more blocks had been handed out.
func deliver(p *shm.Player, blocks uint64) {
	for n := p.Playout.Load(); blocks > 0; blocks-- {
		d, _ := p.Delivered(n)
		d.DeliveredInfo = shm.DeliveredInfo{Prev: n, Slot: 0}
		d.Block.Store(n + 1)
		n++
		p.Playout.Store(n)
	}
}

// spoken is a log that a recorder may write while a test reads it.
type spoken struct {
	mu sync.Mutex
	b  strings.Builder
}

func (h *spoken) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *spoken) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

func recording(t *testing.T, path string) (*recorder, *shm.Player, *spoken) {
	g, err := shm.NewGeometry(44100, 256, 1, 3, 1, 0, 0, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	said := &spoken{}
	rec, err := newRecorder(path, tape.Header{Rate: 44100, Frames: 256, Channels: 1, Slots: int(g.Slots)}, r.Player,
		slog.New(slog.NewTextHandler(said, nil)))
	require.NoError(t, err)
	return rec, r.Player, said
}

func TestDiskThatTakesNothingHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe") // which nobody reads
	require.NoError(t, unix.Mkfifo(path, 0o600))
	rec, player, said := recording(t, path)
	rec.start()
	for n := range uint64(3 * maxWaiting) {
		rec.command(n, cmdlog.Command{}) // comes back
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
	require.Contains(t, said.String(), "takes nothing any more")

	// Once it does, the recorder ends, without a look at what may be there no longer.
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
	rec, player, said := recording(t, path)
	for n := range uint64(maxWaiting + 1) {
		rec.command(n, cmdlog.Command{})
	}
	deliver(player, 10)
	rec.start()
	rec.finish()
	missed, failure := rec.lacks(10)
	require.Equal(t, errWaiting.Error(), failure)
	require.NotZero(t, missed)
	require.Contains(t, said.String(), "the tape ends here")
	rec.command(0, cmdlog.Command{})
	require.Empty(t, rec.waiting, "nothing is kept for it any more")
}

func TestBlocksThatTheDiskWasTooSlowForAreCountedAndSaidOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tape")
	rec, player, said := recording(t, path)
	deliver(player, shm.DeliveredCount+100)
	rec.start()
	rec.finish()
	missed, failure := rec.lacks(player.Playout.Load())
	require.EqualValues(t, 101, missed, "the place of one more may just be used again")
	require.Empty(t, failure)
	require.Equal(t, 1, strings.Count(said.String(), "too slow for the tape"))
	r, err := tape.Open(path)
	require.NoError(t, err)
	defer r.Close()
	rec1, err := r.Next()
	require.NoError(t, err)
	require.EqualValues(t, 101, rec1.(*tape.Block).Block)
}
