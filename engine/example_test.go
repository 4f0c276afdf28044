//go:build linux

package engine_test

import (
	"fmt"
	"log"
	"path/filepath"

	"chronus/engine"
	"chronus/engine/control"
)

// A program plays a patch and reads what happened.
func ExampleEngine() {
	e, err := engine.New(engine.Config{
		Patch:   "sine",
		Sink:    "clock", // paced and silent
		OSCPort: -1,      // any free one
		Control: filepath.Join(bin, "control.sock"),
		Bin:     bin, // where chronus-worker and chronus-player are
	})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Stop()

	events := e.Events().Subscribe(0) // earlier events as well, if there were any
	defer events.Close()
	if err := e.Start(); err != nil {
		log.Print(err)
		return
	}
	st := e.Status()
	fmt.Println(st.State, st.Patch, "at", st.Rate, "Hz,", st.Replicas, "replicas,", st.Spares, "spares")

	// Here a real program waits for a reason of its own to stop, or for
	// e.Failed().

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
