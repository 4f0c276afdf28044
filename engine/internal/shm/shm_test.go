package shm

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"chronus/engine/clock"
)

func geometry(t testing.TB) Geometry {
	g, err := NewGeometry(44100, 256, 1, 3, 2, 2, 100, false)
	require.NoError(t, err)
	return g
}

func TestGeometryHasTheSizesThatTheDesignNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lead := rapid.IntRange(1, MaxLead).Draw(t, "lead")
		g, err := NewGeometry(44100, 256, 1, lead, 2, 2, 10, false)
		require.NoError(t, err)
		require.GreaterOrEqual(t, g.Ring, uint32(MinRing))
		require.GreaterOrEqual(t, g.Ring, 2*(g.Lead+MaxBurst))
		require.GreaterOrEqual(t, g.Ring, g.Lead+MaxBurst+LateLook, "the late look must find its block")
		require.GreaterOrEqual(t, g.LogRecords, HeadRoom*(g.Ring+g.Lead))
		require.Positive(t, g.Behind())
		require.Less(t, uint32(g.Lead), uint32(SealCount))
	})
}

func TestGeometryRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		rate, frames, lead, replicas, spares, words int
		want                                        string
	}{
		"no frames":          {44100, 0, 3, 2, 2, 0, "frames 0"},
		"no rate":            {0, 256, 3, 2, 2, 0, "rate 0"},
		"no lead":            {44100, 256, 0, 2, 2, 0, "lead 0"},
		"a lead over a ring": {44100, 256, MaxLead + 1, 2, 2, 0, "lead 65"},
		"no replica":         {44100, 256, 3, 0, 2, 0, "replicas 0"},
		"too many workers":   {44100, 256, 3, 10, 10, 0, "20 together"},
		"too much state":     {44100, 256, 3, 2, 2, MaxStateWords + 1, "1 MiB"},
	} {
		_, err := NewGeometry(c.rate, c.frames, 1, c.lead, c.replicas, c.spares, c.words, false)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestReadOnlyViewFaultsOnAStore(t *testing.T) {
	f, h, err := CreateHost(geometry(t), NewStamp(1))
	require.NoError(t, err)
	defer f.Close()
	defer h.Close()
	ro, err := ReadOnly(f)
	require.NoError(t, err)
	defer ro.Close()
	view, err := OpenHost(ro)
	require.NoError(t, err)
	h.Head.Store(42)
	require.EqualValues(t, 42, view.Head.Load(), "both see the same memory")
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	rate := h.Geo.Rate
	// A plain store: an atomic one faults inside the race detector, where
	// nothing recovers.
	require.Panics(t, func() { view.HostRegion.Geo.Rate = 1 })
	require.Equal(t, rate, h.HostRegion.Geo.Rate)
	_, err = unix.Mmap(int(ro.Fd()), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.ErrorIs(t, err, unix.EACCES)
}

func TestRegionsCannotBeResized(t *testing.T) {
	f, h, err := CreateHost(geometry(t), NewStamp(1))
	require.NoError(t, err)
	defer f.Close()
	defer h.Close()
	require.ErrorIs(t, unix.Ftruncate(int(f.Fd()), 1), unix.EPERM)
	require.ErrorIs(t, unix.Ftruncate(int(f.Fd()), 1<<30), unix.EPERM)
}

func TestRegionOfAnotherPatchBuildOrLayoutIsRefused(t *testing.T) {
	g := geometry(t)
	f, h, err := CreateHost(g, NewStamp(1))
	require.NoError(t, err)
	defer f.Close()
	defer h.Close()
	rf, _, err := CreateRing(0, g, NewStamp(2))
	require.NoError(t, err)
	defer rf.Close()
	_, err = OpenRing(rf, h, true)
	require.ErrorIs(t, err, ErrStamp)
	_, err = OpenRing(rf, h, false)
	require.NoError(t, err, "what another worker has done to its header harms that worker only")

	for _, spoil := range []func(){
		func() { h.HostRegion.Stamp.Build++ },
		func() { h.HostRegion.Stamp.Build--; h.HostRegion.Stamp.Layout++ },
	} {
		spoil()
		_, err = OpenHost(f)
		require.ErrorIs(t, err, ErrStamp)
	}
	h.Renew()
	_, err = OpenHost(f)
	require.NoError(t, err, "the host writes its header anew")
	blob, err := Blob("not a region", make([]byte, 2*page))
	require.NoError(t, err)
	defer blob.Close()
	_, err = OpenHost(blob)
	require.ErrorContains(t, err, "not a Chronus region")
}

func TestBlobCannotBeWritten(t *testing.T) {
	f, err := Blob("program", []byte("abc"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), 0)
	require.Error(t, err)
	for range 2 { // descriptors share an offset, which reading must not use
		b, err := ReadBlob(f)
		require.NoError(t, err)
		require.Equal(t, "abc", string(b))
	}
}

func TestSealOpensForItsBlockAndEngineOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fold := rapid.Uint64().Draw(t, "fold")
		block := rapid.Uint64Range(0, 1<<35).Draw(t, "block")
		cutoff := rapid.Uint64Range(0, 1<<40-1).Draw(t, "cutoff")
		prev := rapid.Uint64Range(0, block).Draw(t, "prev")
		word := SealWord(fold, block, prev, cutoff)
		got, ok := OpenSeal(fold, block, prev, word)
		require.True(t, ok)
		require.Equal(t, cutoff, got)
		laps := rapid.Uint64Range(1, 1<<20).Draw(t, "laps")
		_, ok = OpenSeal(fold, block+laps*SealCount, prev, word)
		require.False(t, ok, "another lap of the table")
		bit := uint64(1) << rapid.IntRange(0, 63).Draw(t, "bit")
		_, ok = OpenSeal(fold^bit, block, prev, word)
		require.False(t, ok, "another engine")
		_, ok = OpenSeal(fold, block, prev, word^bit)
		require.False(t, ok, "a flipped bit")
		_, ok = OpenSeal(fold, block, prev^bit, word)
		require.False(t, ok, "a flipped bit of prev")
	})
	_, ok := OpenSeal(0, 0, 0, 0)
	require.False(t, ok, "an empty table seals nothing")
}

func TestRecycledRingIsEmpty(t *testing.T) {
	g := geometry(t)
	f, h, err := CreateHost(g, NewStamp(1))
	require.NoError(t, err)
	defer f.Close()
	defer h.Close()
	rf, view, err := CreateRing(3, g, NewStamp(1))
	require.NoError(t, err)
	defer rf.Close()
	w, err := OpenRing(rf, h, true)
	require.NoError(t, err)
	w.Published.Store(9)
	w.Robust.Store(5)
	e, samples, state := w.Entry(8)
	e.Block, samples[0], state[99] = 9, 1, 2
	require.NoError(t, ZeroRing(rf, view))
	require.Zero(t, view.Published.Load())
	require.Zero(t, view.Robust.Load())
	e, samples, state = view.Entry(8)
	require.Zero(t, e.Block)
	require.Zero(t, samples[0])
	require.Zero(t, state[99])
	_, err = OpenRing(rf, h, true)
	require.NoError(t, err, "and still a ring")
}

// TestKernelMarksTheRobustFutexOfAKilledProcess kills a process that holds one:
// this test binary, started again.
func TestKernelMarksTheRobustFutexOfAKilledProcess(t *testing.T) {
	if os.Getenv("CHRONUS_TEST_ROBUST") != "" {
		holdUntilKilled(t)
		return
	}
	g := geometry(t)
	hf, h, err := CreateHost(g, NewStamp(1))
	require.NoError(t, err)
	defer hf.Close()
	defer h.Close()
	f, view, err := CreateRing(0, g, NewStamp(1))
	require.NoError(t, err)
	defer f.Close()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "CHRONUS_TEST_ROBUST=1")
	cmd.ExtraFiles = []*os.File{hf, f}
	require.NoError(t, cmd.Start())
	set := NewWaitSet(1)
	for view.State.Load() != StateIdle {
		set.Reset()
		set.Add(&view.State, StateStarting)
		set.Wait(1e9)
	}
	word := view.Robust.Load()
	require.True(t, Alive(word))
	tid := strconv.Itoa(int(word & futexTID))
	_, err = os.Stat("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + tid)
	require.NoError(t, err, "the word holds a thread of the process")
	require.NoError(t, cmd.Process.Kill())
	for !Died(view.Robust.Load()) {
		set.Reset()
		set.Add(&view.Robust, word)
		set.Wait(1e9)
	}
	require.False(t, Alive(view.Robust.Load()))
	require.Error(t, cmd.Wait())
}

func holdUntilKilled(t *testing.T) {
	h, err := OpenHost(os.NewFile(3, "host"))
	require.NoError(t, err)
	r, err := OpenRing(os.NewFile(4, "ring"), h, true)
	require.NoError(t, err)
	runtime.LockOSThread()
	require.NoError(t, HoldRobust(&r.Robust))
	r.State.Store(StateIdle)
	Wake(&r.State)
	clock.SleepUntil(clock.Now() + 60e9)
}

func TestDeliveredBlocksDoNotOverlap(t *testing.T) {
	g := geometry(t)
	f, _, err := CreatePlayer(g, NewStamp(1))
	require.NoError(t, err)
	defer f.Close()
	hf, h, err := CreateHost(g, NewStamp(1))
	require.NoError(t, err)
	defer hf.Close()
	p, err := OpenPlayer(f, h, true)
	require.NoError(t, err)
	defer p.Close()
	for b := range uint64(DeliveredCount) {
		d, samples := p.Delivered(b)
		d.Block.Store(b + 1)
		d.Sums[MaxSlots-1] = b
		samples[0], samples[len(samples)-1] = float32(b), float32(b)
	}
	for b := range uint64(DeliveredCount) {
		d, samples := p.Delivered(b + DeliveredCount) // the same places
		require.Equal(t, b+1, d.Block.Load())
		require.Equal(t, b, d.Sums[MaxSlots-1])
		require.Equal(t, float32(b), samples[0])
		require.Equal(t, float32(b), samples[len(samples)-1])
	}
}
