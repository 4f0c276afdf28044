//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"chronus/engine/control"
)

// statusCmd is `chronus status`.
type statusCmd struct {
	Control string `help:"Path of the engine's control socket." placeholder:"PATH"`
	JSON    bool   `help:"One JSON object."`
}

// Run asks a running engine and prints what it says.
func (s *statusCmd) Run(out io.Writer) error {
	path := s.Control
	if path == "" {
		path = control.DefaultPath()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := control.NewClient(path).Status(ctx)
	if err != nil {
		return err
	}
	if s.JSON {
		return json.NewEncoder(out).Encode(st)
	}
	return printStatus(out, st)
}

func printStatus(out io.Writer, st *control.Status) error {
	at := time.Duration(float64(st.Block) * float64(st.Frames) / float64(st.Rate) * 1e9).Round(time.Millisecond)
	fmt.Fprintf(out, "%s  %s to %s, %d Hz, %d frames a block, lead %d blocks, block %d (%s)\n",
		st.State, st.Patch, st.Sink, st.Rate, st.Frames, st.Lead, st.Block, at)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "role\tslot\tpid\tgeneration\tstate\tblock")
	fmt.Fprintf(w, "player\t\t%d\t\t%s\t%d\n", st.Player.PID, st.Player.Sched, st.Block)
	for _, k := range st.Workers {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%d\n", k.Role, k.Slot, k.PID, k.Generation, k.State, k.Block)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "failovers %d  restarts %d  lost frames %d  xruns %d (%.1f ms)  commands %d (%d dropped)  bad packets %d  drift %.1f ppm\n",
		st.Failovers, st.Restarts, st.LostFrames, st.Xruns, float64(st.XrunNS)/1e6, st.Commands, st.DroppedCommands, st.BadPackets, st.DriftPPM)
	return err
}
