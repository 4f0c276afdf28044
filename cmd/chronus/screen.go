//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"chronus/engine/control"
)

// writeStatus writes a status for people to read.
func writeStatus(w io.Writer, st *control.Status) {
	fmt.Fprintf(w, "%s  %s to %s  %d Hz, %d frames per block, %s  block %d  %s\n",
		st.State, st.Patch, st.Sink, st.Rate, st.Frames, channels(st.Channels), st.Block, clock(st))
	fmt.Fprintln(w)
	writeProcesses(w, st)
	fmt.Fprintln(w)
	writeLevels(w, st.Levels)
	writeDevice(w, st)
	fmt.Fprintf(w, "lead      %d blocks, %s\n", st.Lead, short(st.LatencyNS))
	if c := st.Callback; c != nil {
		fmt.Fprintf(w, "callback  p50 %s, p99 %s, max %s; late p99 %s, max %s\n",
			short(c.P50NS), short(c.P99NS), short(c.MaxNS), short(c.LateP99NS), short(c.LateMaxNS))
	}
	fmt.Fprintf(w, "faults    lost frames %d  failovers %d (%d only late)  restarts %d  divergences %d\n",
		st.LostFrames, st.Failovers, st.LateFailovers, st.Restarts, st.Divergences)
	writeFailover(w, st.LastFailover)
	fmt.Fprintf(w, "input     commands %d (%d late, %d dropped)  packets %d (%d bad, %d lost)  OSC at %s\n",
		st.Commands, st.LateCommands, st.DroppedCommands, st.Packets, st.BadPackets, st.KernelDrops, st.OSC)
	fmt.Fprintf(w, "output    xruns %d (%s, %d heard)  limited frames %d  drift %.1f ppm  allocations %d\n",
		st.Xruns, short(int64(st.XrunNS)), st.HeardXruns, st.LimitedFrames, st.DriftPPM, st.CallbackAllocs)
	if st.Tape != "" {
		fmt.Fprintf(w, "tape      %s, %d blocks missed\n", st.Tape, st.TapeMissed)
	}
}

func channels(n int) string {
	switch n {
	case 1:
		return "mono"
	case 2:
		return "stereo"
	}
	return fmt.Sprintf("%d channels", n)
}

// writeDevice writes what the sound is played on, or why it is not heard.
func writeDevice(w io.Writer, st *control.Status) {
	d := st.Device
	switch {
	case d == nil:
		return
	case d.State != control.DevicePlaying:
		fmt.Fprintln(w, "device    none, the clock paces: "+d.Why)
		return
	}
	name := d.Name
	if d.Sink != "" {
		name += fmt.Sprintf(" on %s (%s)", d.Sink, d.Description)
	}
	fmt.Fprintf(w, "device    %s, %s\n", name, short(d.LatencyNS))
}

// clock returns the duration of the sound that has been delivered.
func clock(st *control.Status) string {
	if st.Rate < 1 {
		return "0s"
	}
	seconds := float64(st.Block) * float64(st.Frames) / float64(st.Rate)
	return (time.Duration(seconds*1e3) * time.Millisecond).String()
}

func writeProcesses(w io.Writer, st *control.Status) {
	rows := [][]string{
		{"role", "slot", "pid", "age", "generation", "state", "block", "cpu", "memory"},
		{"host", "", fmt.Sprint(st.PID), age(st.UptimeNS), "", "", "", "", ""},
		{
			"player", "", fmt.Sprint(st.Player.PID), age(st.Player.AgeNS), fmt.Sprint(st.Player.Generation),
			st.Player.Sched, fmt.Sprint(st.Block), "", memory(st.Player.RSS),
		},
	}
	for _, k := range st.Workers {
		cpu := "any"
		if k.CPU >= 0 {
			cpu = fmt.Sprint(k.CPU)
		}
		rows = append(rows, []string{
			k.Role, fmt.Sprint(k.Slot), fmt.Sprint(k.PID), age(k.AgeNS), fmt.Sprint(k.Generation),
			k.State, fmt.Sprint(k.Block), cpu, memory(k.RSS),
		})
	}
	left := []bool{0: true, 5: true, 8: false} // the others are numbers
	width := make([]int, len(left))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", width[i]-len(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if left[i] {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

const (
	barCells = 30
	barFloor = -60.0 // dBFS at the left end
)

func writeLevels(w io.Writer, l *control.Levels) {
	if l == nil {
		fmt.Fprintln(w, "level     nothing is playing")
		return
	}
	for _, row := range []struct {
		name string
		db   float64
	}{{"peak", l.PeakDBFS}, {"rms", l.RMSDBFS}} {
		value := fmt.Sprintf("%.1f dBFS", row.db)
		if row.db <= control.SilenceDBFS {
			value = "silence"
		}
		fmt.Fprintf(w, "%-8s  %-11s  %s\n", row.name, value, bar(row.db))
	}
	if l.NotFinite > 0 {
		fmt.Fprintf(w, "warning   %d samples of the last second are NaN or infinite\n", l.NotFinite)
	}
}

// bar draws a level between barFloor and full scale. The bar of a level above
// full scale ends in an exclamation mark.
func bar(db float64) string {
	n := int(math.Round((db - barFloor) / -barFloor * barCells))
	n = min(max(n, 0), barCells)
	over := "|"
	if db > 0 {
		over = "!"
	}
	return "|" + strings.Repeat("#", n) + strings.Repeat(" ", barCells-n) + over
}

func writeFailover(w io.Writer, f *control.Failover) {
	if f == nil {
		return
	}
	var parts []string
	if f.TNS != 0 {
		parts = append(parts, fmt.Sprintf("block %d, slot %d to %d, in %s",
			f.Block, f.FromSlot, f.Slot, short(f.SwitchNS)))
	}
	if f.PromoteNS != 0 {
		parts = append(parts, "spare up in "+short(f.PromoteNS))
	}
	switch {
	case f.Mending:
		parts = append(parts, "mending")
	case f.MendNS != 0:
		parts = append(parts, "mended in "+short(f.MendNS))
	}
	fmt.Fprintln(w, "the last  "+strings.Join(parts, "; "))
}

// short formats a time in ns with a fitting unit.
func short(ns int64) string {
	switch {
	case ns == 0:
		return "0"
	case ns < 1e6:
		return fmt.Sprintf("%.1f us", float64(ns)/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.1f ms", float64(ns)/1e6)
	}
	return fmt.Sprintf("%.2f s", float64(ns)/1e9)
}

// age formats a time in ns with at most six characters.
func age(ns int64) string {
	switch d := time.Duration(ns); {
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", math.Trunc(d.Seconds()*10)/10)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
}

func memory(bytes uint64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
