package control

import (
	"math"
	"slices"

	"chronus/engine/internal/shm"
	"chronus/engine/quantile"
)

// second is how far back the figures of the sound go, in ns.
const second = int64(1e9)

// heard measures the delivered blocks of the last second, nil if there are
// none. It is computed on request from the player's region and costs nothing
// otherwise. The callback keeps writing meanwhile: a block that changed while
// it was read, or was about to, is left out.
func heard(p *shm.Player, g *shm.Geometry, now int64) (*Levels, *Callback) {
	var sound loudness
	var took, late []int64
	at, anchor := p.Anchor()
	origin := p.OriginAt.Load() // an earlier block belongs to another grid
	block := make([]float32, g.Samples())
	playout := p.Playout.Load()
	for n := playout; n > 0 && playout-n < shm.DeliveredCount-1; n-- {
		b := n - 1
		d, samples := p.Delivered(b)
		if d.Block.Load() != n {
			continue
		}
		entry, back := d.EntryNS, d.ReturnNS
		copy(block, samples)
		if d.Block.Load() != n || p.Playout.Load() > b+shm.DeliveredCount-1 {
			continue
		}
		if entry < now-second {
			break
		}
		sound.add(block)
		if back >= entry { // 0 until the call returns
			took = append(took, back-entry)
		}
		if anchor != 0 && b >= origin {
			late = append(late, max(entry-anchor-due(int64(b-at), g), 0))
		}
	}
	if sound.samples == 0 {
		return nil, nil
	}
	levels := sound.levels()
	if len(took) == 0 {
		return &levels, nil
	}
	slices.Sort(took)
	slices.Sort(late)
	return &levels, &Callback{
		Blocks:    len(took),
		P50NS:     quantile.Nearest(took, 0.5),
		P99NS:     quantile.Nearest(took, 0.99),
		MaxNS:     quantile.Nearest(took, 1),
		LateP99NS: quantile.Nearest(late, 0.99),
		LateMaxNS: quantile.Nearest(late, 1),
	}
}

// due returns how long after the anchor's block the one that many blocks later
// is due, in ns; both are negative for an earlier block.
func due(blocks int64, g *shm.Geometry) int64 {
	frames, rate := blocks*int64(g.Frames), int64(g.Rate)
	return frames/rate*second + frames%rate*second/rate
}

// loudness accumulates samples.
type loudness struct {
	peak, squares      float64
	samples, notFinite uint64
}

func (l *loudness) add(block []float32) {
	for _, s := range block {
		v := math.Abs(float64(s))
		if v > math.MaxFloat32 || v != v {
			l.notFinite++
			continue
		}
		l.peak = max(l.peak, v)
		l.squares += float64(v * v)
	}
	l.samples += uint64(len(block))
}

func (l *loudness) levels() Levels {
	rms := 0.0
	if n := l.samples - l.notFinite; n > 0 {
		rms = math.Sqrt(l.squares / float64(n))
	}
	return Levels{PeakDBFS: dbfs(l.peak), RMSDBFS: dbfs(rms), NotFinite: l.notFinite}
}

// dbfs converts an amplitude to dB of full scale, rounded to a hundredth.
func dbfs(amplitude float64) float64 {
	if amplitude <= 0 {
		return SilenceDBFS
	}
	db := math.Round(20*math.Log10(amplitude)*100) / 100
	return max(db, SilenceDBFS) + 0 // no negative zero
}
