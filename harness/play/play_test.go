package play

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/record"
	"chronus/harness/scenario"
)

func TestTheLogNotesWhatBecameOfASlotsLastOwner(t *testing.T) {
	alive := exec.Command("sleep", "300")
	require.NoError(t, alive.Start())
	defer func() { alive.Process.Kill(); alive.Wait() }()
	const gone = 1 << 30
	l := newEventLog()
	spawned := func(slot, pid int) { l.add(control.Event{Kind: control.WorkerSpawned, Slot: slot, PID: pid}) }
	spawned(2, alive.Process.Pid)
	spawned(3, gone)
	spawned(2, gone+1)
	spawned(3, gone+2)
	all := l.events()
	require.Nil(t, all[0].LastOwner)
	require.Nil(t, all[1].LastOwner)
	require.Equal(t, alive.Process.Pid, all[2].LastOwner.PID)
	require.Contains(t, []string{"S", "R", "D"}, all[2].LastOwner.State)
	require.Equal(t, &record.Owner{PID: gone}, all[3].LastOwner)
}

func TestEventsBelongToTheWindowInWhichTheyCame(t *testing.T) {
	l := newEventLog()
	add := func(pid int) { l.add(control.Event{Kind: control.Xrun, PID: pid}) }
	add(1)
	add(2)
	require.Len(t, l.close(record.Starting), 2)
	add(3)
	require.Len(t, l.close(1), 1)
	require.Empty(t, l.close(2))
	add(4)
	var cycles []int
	for _, e := range l.events() {
		cycles = append(cycles, e.Cycle)
		require.NotZero(t, e.AtNS)
	}
	require.Equal(t, []int{record.Starting, record.Starting, 1, record.Apart}, cycles)
}

func TestWaitEndsWithTheStreamAndWithTheContext(t *testing.T) {
	never := func([]record.Event) bool { return false }
	l := newEventLog()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, l.wait(ctx, never), context.Canceled)

	go l.add(control.Event{Kind: control.EngineStarted, TNS: 1})
	require.NoError(t, l.wait(context.Background(), func(w []record.Event) bool { return len(w) == 1 }))
	l.end(control.ErrGone)
	err := l.wait(context.Background(), never)
	require.ErrorIs(t, err, errStream)
	require.ErrorIs(t, err, control.ErrGone)
}

// Workers die, and their counts with them: the last reading of each is kept.
func TestTheLastReadingOfEveryHeapIsKept(t *testing.T) {
	h := newHeaps()
	status := func(player uint64, workers ...control.Worker) *control.Status {
		return &control.Status{CallbackAllocs: player, Player: control.Player{Generation: 1}, Workers: workers}
	}
	h.see(status(3, control.Worker{Generation: 1, RenderAlloc: 5}, control.Worker{Generation: 2, GCs: 1}))
	h.see(status(4, control.Worker{Generation: 2, RenderAlloc: 7, GCs: 2}))
	require.Equal(t, []record.Heap{
		{Process: record.Player, Generation: 1, Allocs: 4},
		{Process: record.Worker, Generation: 1, Allocs: 5},
		{Process: record.Worker, Generation: 2, Allocs: 7, GCs: 2},
	}, h.readings())
}

func TestSettledPoints(t *testing.T) {
	require.Equal(t, []int{50, 100, 200}, settledPoints(200))
	require.Equal(t, []int{1, 2}, settledPoints(2))
	require.Equal(t, []int{1}, settledPoints(1))
}

func TestTheBuildIsReadFromTheBinary(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	require.Regexp(t, `^go1\.`, BuildOf(self).Go)
	require.Equal(t, record.Build{}, BuildOf("/nonexistent"))
}

func TestWhole(t *testing.T) {
	w := func(role, state string) control.Worker { return control.Worker{Role: role, State: state} }
	good := []control.Worker{
		w(control.RolePrimary, control.WorkerRendering), w(control.RoleStandby, control.WorkerRendering), w(control.RoleSpare, control.WorkerIdle),
	}
	status := func(workers ...control.Worker) *control.Status {
		return &control.Status{State: control.StatePlaying, Replicas: 2, Spares: 1, Player: control.Player{PID: 70}, Workers: workers}
	}
	require.True(t, whole(status(good...)))
	require.False(t, whole(status(good[:2]...)), "no spare")
	require.False(t, whole(status(good[1:]...)), "one renderer")
	require.False(t, whole(status(append(good, w(control.RoleStandby, control.WorkerRendering))...)), "one renderer too many")
	require.False(t, whole(status(append(good, w(control.RoleSpare, control.WorkerDead))...)), "one not yet reaped")
	require.False(t, whole(status(good[0], w(control.RoleStandby, control.WorkerRestoring), good[2])), "one on its way")
	s := status(good...)
	s.State = control.StateStopping
	require.False(t, whole(s))
	s = status(good...)
	s.Player.PID = 0
	require.False(t, whole(s), "no player")
}

func TestDealHandsOutEveryPoint(t *testing.T) {
	points := make([]fault.Point, 14)
	for i := range points {
		points[i].ID = i + 1
	}
	load := scenario.Load{Processes: 6, Cycles: 3}
	times := map[int]int{}
	for run := range load.Processes {
		for _, p := range deal(points, load, run+1, false) {
			times[p.ID]++
		}
	}
	for _, p := range points {
		require.Equal(t, 3, times[p.ID], "point %d", p.ID)
	}
	require.Len(t, deal(points, scenario.Load{Processes: 6, Cycles: 1}, 4, true), 14)
}

func TestShowsAndHitsPlayer(t *testing.T) {
	s := &control.Status{Player: control.Player{PID: 70}, Workers: []control.Worker{{PID: 71}}}
	require.True(t, shows(s, []record.Victim{{PID: 71}}))
	require.True(t, shows(s, []record.Victim{{PID: 70, Slot: fault.PlayerSlot}}))
	require.False(t, shows(s, []record.Victim{{PID: 72}}))
	require.False(t, shows(s, []record.Victim{{PID: 71, Survives: true}}))
	require.False(t, shows(s, nil))
	require.True(t, hitsPlayer([]record.Victim{{PID: 70, Slot: fault.PlayerSlot}}))
	require.False(t, hitsPlayer([]record.Victim{{PID: 71}}))
}
