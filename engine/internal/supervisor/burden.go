package supervisor

import (
	"fmt"
	"os"
	"time"
)

// burden watches how much of a block's time it takes to render one. A patch
// that takes more than there is costs frames without end, and each loss alone
// does not say why.
type burden struct {
	share float64       // of a block, smoothed; 0: nothing was observed yet
	since time.Duration // observed time at which the share first was too much; 0: it is not
	said  time.Duration // observed time of the last line
	heavy bool          // a line said so, and none since that it is over
}

const (
	burdenMost   = 0.95 // of a block: beyond it, a worker that is late stays late
	burdenOver   = 0.8
	burdenSmooth = 0.05 // weight of an observation: the mean of the last 20 or so
	burdenFrom   = time.Second
	burdenEvery  = 10 * time.Second
)

// observe takes the share of a block that rendering took, at an observed time.
// It reports whether a line is due.
func (b *burden) observe(now time.Duration, share float64) (due bool) {
	if b.share == 0 {
		b.share = share
	}
	b.share += burdenSmooth * (share - b.share)
	switch {
	case b.share > burdenMost && b.since == 0:
		b.since = now
	case b.share < burdenOver:
		over := b.heavy
		b.since, b.heavy = 0, false
		return over
	}
	if b.since == 0 || now-b.since < burdenFrom || b.heavy && now-b.said < burdenEvery {
		return false
	}
	b.heavy, b.said = true, now
	return true
}

// tickBurden looks at the newest block of each renderer, and takes the least
// time: if one of them is fast enough, the patch is not too heavy. The time in
// an entry is not covered by its checksum, but nothing else depends on it.
func (s *Supervisor) tickBurden() {
	geo, least := &s.pool.Host.Geo, int64(0)
	for slot, r := range s.pool.Rings {
		n := s.pool.Claims(slot, s.pool.Player.Exists())
		if n == 0 || !s.pool.Renders(slot) {
			continue
		}
		if e, _, _ := r.Entry(n - 1); e.Block == n && e.RenderNS > 0 && (least == 0 || e.RenderNS < least) {
			least = e.RenderNS
		}
	}
	if least == 0 || !s.burden.observe(s.observed, float64(least)/float64(geo.BlockNS())) {
		return
	}
	about := []any{
		"role", "host", "pid", os.Getpid(), "render_ms", ms(int64(s.burden.share * float64(geo.BlockNS()))),
		"block_ms", ms(geo.BlockNS()), "of_a_block", fmt.Sprintf("%.0f %%", 100*s.burden.share),
	}
	if !s.burden.heavy {
		s.cfg.Log.Info("the patch is no longer too heavy", about...)
		return
	}
	s.cfg.Log.Warn("the patch is too heavy for this machine: a block takes longer to render than to play",
		append(about, "for_s", int((s.observed-s.burden.since)/time.Second))...)
}
