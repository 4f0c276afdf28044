package report

import (
	"debug/buildinfo"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Meta is meta.json: where the figures come from.
type Meta struct {
	Commit     string     `json:"commit"` // of the engine that was tested; empty where its binary does not say
	Dirty      bool       `json:"dirty"`
	Go         string     `json:"go"`
	Date       string     `json:"date"` // RFC 3339, of the start
	Command    string     `json:"command"`
	Profile    string     `json:"profile"`
	Seed       uint64     `json:"seed"`
	Machine    Machine    `json:"machine"`
	Scheduling string     `json:"scheduling"` // of the engine's players: "fifo", "other", or both
	Schedule   []Realised `json:"schedule"`
}

// Machine is what the figures were taken on.
type Machine struct {
	CPU    string `json:"cpu"`
	Arch   string `json:"arch"` // as Go calls it
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	Memory int64  `json:"memory_bytes"`
}

// Realised is the schedule of one engine process as it came about; times are CLOCK_MONOTONIC ns, one a cycle.
type Realised struct {
	Scenario string  `json:"scenario"`
	Run      int     `json:"run"`
	DueNS    []int64 `json:"due_ns"`
	KillNS   []int64 `json:"kill_ns"`
}

// NewMeta describes this machine and the engine's binary.
func NewMeta(engine, profile string, seed uint64) Meta {
	m := Meta{
		Date: time.Now().Format(time.RFC3339), Command: shell(os.Args),
		Profile: profile, Seed: seed, Machine: ThisMachine(),
	}
	if info, err := buildinfo.ReadFile(engine); err == nil {
		m.Go = info.GoVersion
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				m.Commit = s.Value
			case "vcs.modified":
				m.Dirty = s.Value == "true"
			}
		}
	}
	return m
}

// shell writes a command so that a shell takes it as it was.
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

// Realise fills in what only the runs tell.
func (m *Meta) Realise(results []Result) {
	seen := map[bool]bool{}
	for _, res := range results {
		for _, run := range res.Records {
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

// ThisMachine describes the machine. What it cannot read stays empty or zero.
func ThisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
	if proc, err := procfs.NewDefaultFS(); err == nil {
		// arm64 has no model name.
		if cpus, err := proc.CPUInfo(); err == nil && len(cpus) > 0 && cpus[0].ModelName != "" {
			m.CPU = strings.TrimSpace(cpus[0].ModelName)
		}
		if mem, err := proc.Meminfo(); err == nil && mem.MemTotalBytes != nil {
			m.Memory = int64(*mem.MemTotalBytes)
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}
