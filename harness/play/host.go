package play

import (
	"debug/buildinfo"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"chronus/harness/record"
)

// BuildOf returns what an engine's binary holds about its build.
func BuildOf(binary string) record.Build {
	var b record.Build
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return b
	}
	b.Go = info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
	return b
}

// ThisMachine describes the machine. What it cannot read stays empty or zero.
func ThisMachine() record.Machine {
	m := record.Machine{CPU: runtime.GOARCH, Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
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
