package report

import (
	"os"
	"regexp"
	"strings"
	"time"

	"chronus/harness/record"
)

// Meta is meta.json: where the figures come from.
type Meta struct {
	Commit     string         `json:"commit"` // of the engine that was tested; empty: its binary does not say
	Dirty      bool           `json:"dirty"`
	Go         string         `json:"go"`
	Date       string         `json:"date"` // RFC 3339, of the start
	Command    string         `json:"command"`
	Profile    string         `json:"profile"`
	Seed       uint64         `json:"seed"`
	Machine    record.Machine `json:"machine"`
	Scheduling string         `json:"scheduling"` // of the engine's players: "fifo", "other", or both
	Schedule   []Realised     `json:"schedule"`
}

// Realised is the schedule of one engine process as it came about. Times are
// CLOCK_MONOTONIC in ns, one per cycle.
type Realised struct {
	Scenario string  `json:"scenario"`
	Run      int     `json:"run"`
	DueNS    []int64 `json:"due_ns"`
	KillNS   []int64 `json:"kill_ns"`
}

// NewMeta describes a verification that begins now, of an engine on a machine.
func NewMeta(b record.Build, m record.Machine, profile string, seed uint64) Meta {
	return Meta{
		Commit: b.Commit, Dirty: b.Dirty, Go: b.Go, Machine: m,
		Date: time.Now().Format(time.RFC3339), Command: shell(os.Args), Profile: profile, Seed: seed,
	}
}

// shell quotes a command so that a shell reads it as it was.
func shell(args []string) string {
	var all []string
	for _, a := range args {
		if !plain.MatchString(a) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		all = append(all, a)
	}
	return strings.Join(all, " ")
}

var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// Realise fills in what is only known from the runs.
func (m *Meta) Realise(results []Result) {
	seen := map[bool]bool{}
	for _, res := range results {
		for _, run := range res.Processes {
			seen[run.Engine.Fifo] = true
			r := Realised{Scenario: run.Scenario, Run: run.Run}
			for _, c := range run.Cycles {
				r.DueNS, r.KillNS = append(r.DueNS, c.DueNS), append(r.KillNS, c.KillNS)
			}
			m.Schedule = append(m.Schedule, r)
		}
	}
	var classes []string
	if seen[true] {
		classes = append(classes, "fifo")
	}
	if seen[false] {
		classes = append(classes, "other")
	}
	m.Scheduling = strings.Join(classes, ", ")
}
