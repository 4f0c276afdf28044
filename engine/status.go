//go:build linux

package engine

import (
	"os"
	"runtime"
	"time"

	"chronus/engine/control"
	"chronus/engine/internal/shm"
)

// Status is a snapshot: "starting" before Start and until the first block, after Stop the last one.
func (e *Engine) Status() control.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.final != nil {
		return *e.final
	}
	return e.status()
}

func (e *Engine) status() control.Status {
	c := &e.cfg
	st := control.Status{
		Rate: c.Rate, Frames: c.Frames, Channels: e.code.Program.Channels, Lead: c.Lead, Replicas: c.Replicas, Spares: c.Spares,
		OSC: e.osc.Addr(), Patch: e.patch.Name(), PID: os.Getpid(),
		Goroutines: runtime.NumGoroutine(), BadPackets: e.osc.Bad.Load(), Commands: e.pool.Host.Head.Load(),
		DroppedCommands: e.dropped.Load(), DriftPPM: drift(e.pool.Player, &e.pool.Host.Geo), Tape: c.Tape,
	}
	if e.phase != built {
		st.UptimeNS = int64(time.Since(e.begun))
	}
	e.sup.Status(&st)
	if st.Device != nil {
		st.Device.Server = c.PulseServer
	}
	st.Sink = e.spec.Playing(st.Device != nil && st.Device.State == control.DevicePlaying).String()
	if e.rec != nil {
		st.TapeMissed, st.TapeError = e.rec.lacks(st.Block)
	}
	e.figures.fill(&st, e.pool.Player, &e.pool.Host.Geo)
	if late, limited, ok := counted(e.pool, e.code.Program); ok {
		e.late, e.limited = late, limited
	}
	st.LateCommands, st.LimitedFrames = e.late, e.limited
	return st
}

// settleNS is how long the filtered grid of a device takes to know the device's rate.
const settleNS = 10e9

// drift is how far the blocks have moved from where their rate says since the grid began, in ppm: by the last callback on the
// clock, by the filtered grid on a device, which takes some seconds to settle: 0 until then.
func drift(p *shm.Player, g *shm.Geometry) float64 {
	origin, from := p.OriginNS.Load(), p.OriginAt.Load()
	at, ns := p.Anchor()
	if at <= from {
		at, ns = p.Playout.Load()-1, p.EntryNS.Load()
	} else if ns-origin < settleNS {
		return 0
	}
	if at <= from || int64(at) < 0 || ns <= origin {
		return 0
	}
	due := float64(at-from) * float64(g.Frames) * 1e9 / float64(g.Rate)
	return (float64(ns-origin)/due - 1) * 1e6
}
