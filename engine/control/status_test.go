package control

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/dsp"
	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
	"chronus/engine/osc"
	"chronus/engine/rig"
)

// sources returns sources over regions of their own, an OSC port and the given
// processes.
func sources(t *testing.T, p *Processes) (*Sources, *rig.Rig) {
	t.Helper()
	g, err := shm.NewGeometry(48000, 128, 2, 4, 2, 3, 0, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	r.Player.Primary.Store(-1)
	port, err := osc.Listen("127.0.0.1", 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = port.Close() })
	return &Sources{
		Roster: r.Roster, Program: new(dsp.Program), OSC: port, Dropped: new(atomic.Uint64), Router: new(osc.Router),
		Waiting: func() (int, uint64) { return 60, 61 },
		Inspect: func(f func(Processes)) { f(*p) },
		Sink:    "clock", Patch: "sine",
	}, r
}

func TestStatusBeforeTheStart(t *testing.T) {
	s, _ := sources(t, &Processes{})
	st := s.Status()
	require.Equal(t, Status{
		State: StateStarting, Rate: 48000, Frames: 128, Channels: 2, Lead: 4, Replicas: 2, Spares: 3,
		Sink: "clock", Patch: "sine", OSC: s.OSC.Addr(), PID: os.Getpid(), Goroutines: st.Goroutines,
		Workers: []Worker{}, Player: Player{Sched: "other"}, LatencyNS: 10666666,
		WaitingCommands: 60, CoalescedCommands: 61, OSCBuffer: st.OSCBuffer,
	}, st)
	require.Positive(t, st.OSCBuffer)
}

// TestStatusShowsItsSources gives each source a number of its own.
func TestStatusShowsItsSources(t *testing.T) {
	p := &Processes{
		Player: process.Info{
			State: process.Live, PID: os.Getpid(), Generation: 2, Begun: time.Now().Add(-time.Hour),
		},
		Device:    Device{State: DevicePlaying, Name: "hall", LatencyNS: 30},
		Failover:  Failover{PromoteNS: 31, Mending: true},
		Restarted: 32,
	}
	s, r := sources(t, p)
	s.Tape = "tape"
	s.TapeLacks = func(playout uint64) (uint64, string) { return playout + 1, "disk full" }
	s.Begun = time.Now().Add(-2 * time.Hour)
	s.Dropped.Store(40)
	s.OSC.Bad.Store(41)
	s.OSC.Packets.Store(62)
	s.OSC.Withheld.Store(63)
	s.Router.Clamped.Store(64)
	r.Host.Head.Store(42)
	for range 47 {
		r.Seal()
	}
	r.Play(43)
	r.Player.Switches.Store(48)
	r.Player.Lost.Store(49)
	r.Player.Xruns.Store(50)
	r.Player.XrunNS.Store(51)
	r.Player.Diverged.Store(52)
	r.Player.Late.Store(56)
	r.Player.Dry.Store(57)
	r.Player.Allocs.Store(53)
	r.Player.Collected.Store(54)
	r.Player.Unwritten.Store(55)
	r.Player.Fifo.Store(1)
	st := s.Status()
	require.GreaterOrEqual(t, st.UptimeNS, int64(2*time.Hour))
	require.GreaterOrEqual(t, st.Player.AgeNS, int64(time.Hour))
	require.Positive(t, st.Player.RSS)
	require.Positive(t, st.Goroutines)
	st.UptimeNS, st.Player.AgeNS, st.Player.RSS, st.Goroutines = 0, 0, 0, 0
	require.Equal(t, Status{
		State: StatePlaying, Rate: 48000, Frames: 128, Channels: 2, Lead: 4, Replicas: 2, Spares: 3,
		Block: 43, Sealed: 47, Sink: "clock", Patch: "sine", OSC: s.OSC.Addr(), PID: os.Getpid(),
		Device: &Device{State: DevicePlaying, Name: "hall", LatencyNS: 30}, Workers: []Worker{},
		Failovers: 48, Restarts: 32, LostFrames: 49, LateFailovers: 56, Xruns: 50, XrunNS: 51,
		HeardXruns: 57, Commands: 42, DroppedCommands: 40,
		BadPackets: 41, Packets: 62, WithheldAnswers: 63, ClampedCommands: 64, WaitingCommands: 60,
		CoalescedCommands: 61, OSCBuffer: st.OSCBuffer, Divergences: 52, CallbackAllocs: 53, PlayerGCs: 54,
		Player: Player{PID: os.Getpid(), Sched: "fifo", Generation: 2},
		Tape:   "tape", TapeMissed: 44, TapeError: "disk full", SinkMissed: 55, LatencyNS: 10666666,
		LastFailover: &Failover{PromoteNS: 31, Mending: true},
	}, st)

	p.Stopping = true
	require.Equal(t, StateStopping, s.Status().State)
	p.Player.State = process.Free
	require.Zero(t, s.Status().Player.AgeNS, "the player has gone")
}

func TestWorkersAreShownByRoleThenSlot(t *testing.T) {
	live := process.Info{State: process.Live, PID: 70, Generation: 5, Begun: time.Now()}
	down, starting := live, live
	down.State, starting.State = process.Down, process.Starting
	p := &Processes{Workers: []process.Info{live, starting, live, down, {}, {State: process.Exited}, live}}
	s, r := sources(t, p)
	for slot, state := range map[int]uint32{
		0: shm.StateIdle, 2: shm.StateRendering, 3: shm.StateRendering, 6: shm.StateRestoring,
	} {
		r.Own(slot, state)
	}
	for _, slot := range []int{2, 6} {
		r.Activate(slot)
	}
	r.Player.Primary.Store(6)
	for range 80 {
		r.Publish(2, r.Seal())
	}
	r.Rings[2].FirstAt.Store(81)
	r.Rings[2].Allocs.Store(82)
	r.Rings[2].Collected.Store(83)
	r.Rings[2].CPU.Store(1)
	workers := s.Status().Workers
	var got [][3]any
	for _, w := range workers {
		got = append(got, [3]any{w.Role, w.Slot, w.State})
	}
	require.Equal(t, [][3]any{
		{RolePrimary, 6, WorkerRestoring},
		{RoleStandby, 2, WorkerRendering},
		{RoleSpare, 0, WorkerIdle},
		{RoleSpare, 1, WorkerStarting},
		{RoleSpare, 3, WorkerDead},
	}, got)
	standby := workers[1]
	require.Positive(t, standby.AgeNS)
	standby.AgeNS, standby.RSS = 0, 0
	require.Equal(t, Worker{
		Role: RoleStandby, Slot: 2, PID: 70, Generation: 5, State: WorkerRendering, Block: 80,
		RenderAlloc: 82, GCs: 83, CPU: 1, PromotedBlock: 81,
	}, standby)
}
