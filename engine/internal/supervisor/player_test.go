package supervisor

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
)

// startedPlayer gives a supervisor a player that has just been started, and
// returns its region to write to. A process that does nothing stands for it.
func startedPlayer(t *testing.T) (*Supervisor, *shm.Player) {
	t.Helper()
	s, _ := unstartedSupervisor(t)
	region, err := shm.OpenPlayer(s.pool.player, s.pool.Host, true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, region.Close()) })
	stands := exec.Command("sleep", "600")
	require.NoError(t, stands.Start())
	t.Cleanup(func() {
		_ = stands.Process.Kill()
		_ = stands.Wait()
	})
	s.player.State, s.player.proc, s.player.Begun = process.Starting, stands.Process, time.Now()
	return s, region
}

// ticksUntilHung ticks until the player is found hung and returns how long that
// took, of observed time.
func ticksUntilHung(t *testing.T, s *Supervisor) (waited time.Duration) {
	t.Helper()
	for !s.player.Hung {
		require.Less(t, waited, time.Minute)
		s.playerTick(time.Now(), tickEvery, false)
		waited += tickEvery
	}
	return waited
}

func TestPlayerThatHasAnnouncedItsBlockIsWatchedFromThenOn(t *testing.T) {
	s, region := startedPlayer(t)
	region.OriginNS.Store(1)
	require.InDelta(t, HangLimit, ticksUntilHung(t, s), float64(2*tickEvery))
}

func TestPlayerThatPlaysIsWatchedHoweverYoungItIs(t *testing.T) {
	s, region := startedPlayer(t)
	region.OriginNS.Store(1)
	for n := range uint64(5) {
		d, _ := region.Delivered(n)
		d.Block.Store(n + 1)
		region.Playout.Store(n + 1)
		s.playerTick(time.Now(), tickEvery, false)
	}
	require.Equal(t, process.Live, s.player.State)
	require.InDelta(t, HangLimit, ticksUntilHung(t, s), float64(2*tickEvery))
}

func TestPlayerHasTimeToAnnounceItsFirstBlock(t *testing.T) {
	s, _ := startedPlayer(t)
	require.InDelta(t, s.playerStart(), ticksUntilHung(t, s), float64(2*tickEvery))
	require.Greater(t, s.playerStart(), 4*HangLimit)
}

func TestHeadersAreWrittenAnewBeforeAPlayerIsStarted(t *testing.T) {
	s, region := startedPlayer(t)
	region.PlayerRegion.Stamp.Build++
	_, err := shm.OpenPlayer(s.pool.player, s.pool.Host, true)
	require.ErrorIs(t, err, shm.ErrStamp)
	s.pool.Host.HostRegion.Geo.Frames = 0
	s.spawn = &spawner{jobs: make(chan job, 1)} // nothing is started
	s.startPlayer()
	<-s.spawn.jobs
	_, err = shm.OpenHost(s.pool.host)
	require.NoError(t, err)
	again, err := shm.OpenPlayer(s.pool.player, s.pool.Host, true)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}
