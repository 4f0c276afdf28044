//go:build linux

package engine_test

import (
	"fmt"
	"log"
	"path/filepath"

	"chronus/engine"
	"chronus/engine/control"
)

// A program that plays a patch and prints what happened.
func ExampleEngine() {
	e, err := engine.New(engine.Config{
		Patch:   "sine",
		Sink:    "clock", // paced and silent
		OSCPort: -1,      // any free port
		Control: filepath.Join(bin, "control.sock"),
		Bin:     bin, // the folder of chronus-worker and chronus-player
	})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Stop()

	events := e.Events().Subscribe(0) // from the first event on
	defer events.Close()
	if err := e.Start(); err != nil {
		log.Print(err)
		return
	}
	st := e.Status()
	fmt.Println(st.State, st.Patch, "at", st.Rate, "Hz,", st.Replicas, "replicas,", st.Spares, "spares")

	// A real program would wait here for a reason to stop, or for e.Failed().

	e.Stop()
	fmt.Println(e.Status().State)

	events.Close()
	for ev := range events.C {
		if ev.Kind == control.EngineStarted || ev.Kind == control.EngineStopped {
			fmt.Println(ev.Kind)
		}
	}
	// Output:
	// playing sine at 44100 Hz, 2 replicas, 2 spares
	// stopped
	// engine_started
	// engine_stopped
}
