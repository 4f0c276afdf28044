package player

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

// patient returns regions whose lead lasts for 65 seconds, so that a player
// that waits for it is not overlooked.
func patient(t *testing.T) (r *rig.Rig, publish func(slot int, from, to uint64)) {
	t.Helper()
	geo, err := shm.NewGeometry(8000, 8192, 1, shm.MaxLead, 2, 2, 4, false)
	require.NoError(t, err)
	r = rig.New(t, geo)
	samples, state := make([]float32, geo.Samples()), make([]uint64, geo.StateWords)
	return r, func(slot int, from, to uint64) {
		for n := from; n < to; n++ {
			ring.Publish(r.Rings[slot], r.Host.Stamp.Fold(), ring.Block{Number: n, Prev: n}, samples, state)
			shm.Wake(shm.Low(&r.Rings[slot].Published))
		}
	}
}

// ready calls Ready in a goroutine.
func ready(p *Player) chan struct{} {
	done := make(chan struct{})
	go func() {
		p.Ready()
		close(done)
	}()
	return done
}

func TestPlayerThatTakesOverBeginsAtOnceIfARingHoldsItsBlock(t *testing.T) {
	r, publish := patient(t)
	r.Play(100)
	publish(3, 100, 101) // a dead worker's is as good
	New(r.Roster).Ready()
}

func TestPlayerThatTakesOverWaitsForItsBlock(t *testing.T) {
	r, publish := patient(t)
	r.Play(100)
	publish(0, 90, 100)
	done := ready(New(r.Roster))
	for r.Player.Waiting.Load() == 0 {
	}
	select {
	case <-done:
		t.Fatal("no ring holds its block")
	default:
	}
	publish(1, 100, 101)
	<-done
	require.Zero(t, r.Player.Waiting.Load())
}

func TestFirstPlayerWaitsUntilTheReplicasHaveFilledTheLead(t *testing.T) {
	r, publish := patient(t)
	p := New(r.Roster)
	publish(0, 0, shm.MaxLead)
	publish(1, 0, shm.MaxLead-1)
	require.False(t, p.fed())
	done := ready(p)
	publish(1, shm.MaxLead-1, shm.MaxLead)
	<-done
}

func TestStopEndsTheWaitForTheFirstBlock(t *testing.T) {
	r, _ := patient(t)
	p := New(r.Roster)
	done := ready(p)
	p.Stop()
	<-done
}
