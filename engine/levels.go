//go:build linux

package engine

import (
	"math"
	"slices"

	"chronus/engine/control"
	"chronus/engine/internal/shm"
	"chronus/engine/quantile"
)

// second is how far back the figures of the sound go, ns.
const second = int64(1e9)

// heard is what the delivered blocks of the last second say. It is computed when somebody asks, out of the player's
// region, so that it costs nothing while nobody does. The callback writes on meanwhile: a block that changed under the
// reading, or was about to, is left out.
func heard(p *shm.Player, g *shm.Geometry, now int64) (*control.Levels, *control.Callback) {
	var sound loudness
	var took, late []int64
	at, anchor := p.Anchor()
	origin := p.OriginAt.Load() // before it there was another grid
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
	return &levels, &control.Callback{
		Blocks: len(took), P50NS: quantile.Nearest(took, 0.50), P99NS: quantile.Nearest(took, 0.99), MaxNS: quantile.Nearest(took, 1),
		LateP99NS: quantile.Nearest(late, 0.99), LateMaxNS: quantile.Nearest(late, 1),
	}
}

// due is when a block is due, so many blocks after the anchor (or, negative, before it), in ns after it.
func due(blocks int64, g *shm.Geometry) int64 {
	frames, rate := blocks*int64(g.Frames), int64(g.Rate)
	return frames/rate*second + frames%rate*second/rate
}

// loudness adds samples up.
type loudness struct {
	peak, squares      float64
	samples, strangers uint64
}

func (l *loudness) add(block []float32) {
	for _, s := range block {
		v := math.Abs(float64(s))
		if v > math.MaxFloat32 || v != v {
			l.strangers++
			continue
		}
		l.peak = max(l.peak, v)
		l.squares += float64(v * v)
	}
	l.samples += uint64(len(block))
}

func (l *loudness) levels() control.Levels {
	rms := 0.0
	if n := l.samples - l.strangers; n > 0 {
		rms = math.Sqrt(l.squares / float64(n))
	}
	return control.Levels{PeakDBFS: dbfs(l.peak), RMSDBFS: dbfs(rms), NotFinite: l.strangers}
}

// dbfs is an amplitude in dB of full scale, to a hundredth.
func dbfs(amplitude float64) float64 {
	if amplitude <= 0 {
		return control.SilenceDBFS
	}
	db := math.Round(20*math.Log10(amplitude)*100) / 100
	return max(db, control.SilenceDBFS) + 0 // no negative zero
}
