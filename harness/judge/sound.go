package judge

import (
	"fmt"
	"path/filepath"

	"chronus/engine/tape"
	"chronus/harness/listener"
	"chronus/harness/metric"
	"chronus/harness/record"
	"chronus/harness/report"
)

// sounds holds what the listener at a device heard to what the tape has as
// delivered. nil: there was no listener, or its recording has no end.
func sounds(rec *record.Record, dir string) (*listener.Heard, []report.Finding) {
	if rec.Listener == nil || !rec.Listener.Whole {
		return nil, nil
	}
	h, err := compare(rec, dir)
	if err != nil {
		return nil, []report.Finding{finding(metric.Truth, "%v", err)}
	}
	var found []report.Finding
	if h.Missing > 0 {
		found = append(found, finding(metric.ListenerLost, "%s", h.Fault))
	}
	if h.Faults() > 0 {
		found = append(found, finding(metric.ListenerWrong, "%s", h.Fault))
	}
	return h, found
}

func compare(rec *record.Record, dir string) (*listener.Heard, error) {
	delivered, channels, err := tape.Samples(filepath.Join(dir, rec.Files.Tape))
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	recording, err := listener.ReadRecording(filepath.Join(dir, rec.Files.Listener))
	if err != nil {
		return nil, err
	}
	return listener.Compare(delivered, channels, recording, int(rec.Listener.Due)*rec.Engine.Frames)
}
