package cmdlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/command"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

func small(t testing.TB) (*rig.Rig, *cmdlog.Writer) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 5, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	return r, cmdlog.NewWriter(r.Host, r.Player, r.Rings)
}

// seal seals the next block with everything in the log, plays it, and, if
// publish is set, makes ring 0 publish it.
func seal(r *rig.Rig, publish bool) {
	b := r.Seal()
	r.Play(b + 1)
	if publish {
		r.Publish(0, b)
	}
}

func commands(from, n int) []command.Command {
	c := make([]command.Command, n)
	for i := range c {
		n := from + i
		c[i] = command.Command{Address: uint32(n), Value: float64(n) / 2, RecvNS: int64(n), Frame: command.Untimed}
	}
	return c
}

func TestEveryCommandIsReadAsItWasWritten(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	for i := range 3 * int(r.Host.Geo.LogRecords) {
		require.True(t, q.Push(commands(i, 1)))
		require.Zero(t, q.Drain())
		if i%100 == 99 {
			seal(r, true)
		}
		var rec shm.LogRecord
		require.True(t, cmdlog.Read(r.Host, uint64(i), &rec))
		require.EqualValues(t, i, rec.Address)
		require.Equal(t, float64(i)/2, rec.Float())
		require.EqualValues(t, -1, rec.Frame)
		require.EqualValues(t, i, rec.RecvNS)
		require.False(t, cmdlog.Read(r.Host, uint64(i)+1, &rec), "it has not been written")
	}
}

func TestDamagedRecordIsNotRead(t *testing.T) {
	r, w := small(t)
	w.Append(commands(3, 1)[0])
	w.Commit()
	r.Host.Records[0].Value ^= 1
	var rec shm.LogRecord
	require.False(t, cmdlog.Read(r.Host, 0, &rec))
}

func TestNoBlockTakesMoreThanItsShare(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	require.True(t, q.Push(commands(0, 200)))
	require.True(t, q.Push(commands(200, 100)), "the second bundle waits")
	require.EqualValues(t, 200, r.Host.Head.Load(), "a bundle is not split")
	require.Equal(t, 100, q.Drain())
	seal(r, true)
	require.Zero(t, q.Drain())
	require.EqualValues(t, 300, r.Host.Head.Load())
}

func TestFullQueueRefusesTheNewestWhole(t *testing.T) {
	r, w := small(t)
	var got []uint64
	q := cmdlog.NewQueue(w, func(i uint64, c command.Command) {
		require.EqualValues(t, i, c.Address)
		got = append(got, i)
	})
	require.False(t, q.Push(commands(0, shm.HeadRoom+1)), "no block could ever take so many")
	n := 0
	for q.Push(commands(n, 64)) {
		n += 64
	}
	require.Equal(t, shm.HeadRoom+cmdlog.QueueLength, n)
	for q.Drain() > 0 {
		seal(r, true)
	}
	require.Len(t, got, n, "no command that was accepted is lost")
	require.EqualValues(t, n, r.Host.Head.Load())
}

// TestRecordsStayWhileAStateMayNeedThem plays on while no worker renders. The
// commands since the last state must stay.
func TestRecordsStayWhileAStateMayNeedThem(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	for range 40 {
		seal(r, true)
	}
	first := 0
	for refused := false; !refused; first += 64 {
		refused = !q.Push(commands(first, 64))
		seal(r, false)
		q.Drain()
		if len(r.Host.Records) < first {
			refused = true
		}
	}
	require.Zero(t, w.Room(), "the log is full and remains so")
	var rec shm.LogRecord
	require.True(t, cmdlog.Read(r.Host, 0, &rec), "the first command after the last state remains")
	r.Rings[0].Published.Store(r.Player.Sealed.Load())
	for range r.Host.Geo.Ring + 1 {
		seal(r, true)
	}
	require.Positive(t, w.Room(), "a new state makes room again")
}
