package fault

import (
	"context"
	"math"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
)

// memory makes a memfd of n samples in this process and maps it.
func memory(t *testing.T, n, seals int) []float32 {
	t.Helper()
	fd, err := unix.MemfdCreate("flip-test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Ftruncate(fd, int64(4*n)))
	m, err := unix.Mmap(fd, 0, 4*n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Munmap(m) })
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	require.NoError(t, err)
	return unsafe.Slice((*float32)(unsafe.Pointer(&m[0])), n)
}

func thisProcess() *fakeEngine {
	return &fakeEngine{status: control.Status{Workers: []control.Worker{
		{Role: control.RolePrimary, Slot: 1, PID: os.Getpid(), State: control.WorkerRendering},
	}}}
}

func TestFlipHitsEveryBlockOfSoundAndNothingElse(t *testing.T) {
	const entry = 3 + flipRun // a header and a block
	ring := memory(t, 16*entry, 0)
	for b := range 16 {
		header, block := ring[b*entry:b*entry+3], ring[b*entry+3:(b+1)*entry]
		copy(header, []float32{float32(b), 0.5, 0.5})
		for i := range block {
			if b < 14 { // the last two are silent
				block[i] = 0.125 * float32(b/5+1)
			}
		}
	}
	before := append([]float32{}, ring...)
	s := Begin(New(Spec{Kind: "flip", Target: "primary"}, time.Millisecond, Point{}))
	defer s.Close()
	victims, err := s.Setup(context.Background(), thisProcess())
	require.NoError(t, err)
	require.True(t, victims[0].Survives)
	require.Equal(t, before, ring, "changed before Inject")
	_, err = s.Inject(context.Background())
	require.NoError(t, err)
	changed := map[int]int{}
	for i := range ring {
		if ring[i] != before[i] {
			changed[i/entry]++
			require.Equal(t, uint32(flipBit), math.Float32bits(ring[i])^math.Float32bits(before[i]))
			require.GreaterOrEqual(t, i%entry, 3, "in a header")
		}
	}
	require.Len(t, changed, 14)
	for _, n := range changed {
		require.Equal(t, 1, n)
	}
}

func TestFlipWaitsForSound(t *testing.T) {
	memory(t, 4*flipRun, 0)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	s := Begin(New(Spec{Kind: "flip", Target: "primary"}, time.Millisecond, Point{}))
	defer s.Close()
	_, err := s.Setup(ctx, thisProcess())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestFlipLeavesSealedMemoryAlone(t *testing.T) {
	e := newFake(t)
	_, err := New(Spec{Kind: "flip", Target: "primary"}, 0, Point{}).Setup(context.Background(), e)
	require.ErrorContains(t, err, "no memory that can be written")

	m := memory(t, flipRun, unix.F_SEAL_FUTURE_WRITE)
	_, err = New(Spec{Kind: "flip", Target: "primary"}, 0, Point{}).Setup(context.Background(), thisProcess())
	require.ErrorContains(t, err, "no memory that can be written")
	require.Zero(t, m[0])
}
