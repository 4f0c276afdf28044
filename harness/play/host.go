package play

import (
	"debug/buildinfo"
	"os"
	"runtime"
	"strconv"
	"strings"

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

// ThisMachine returns what the machine reports of itself.
func ThisMachine() record.Machine {
	m := record.Machine{CPU: field("/proc/cpuinfo", "model name"), Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
	if m.CPU == "" {
		m.CPU = runtime.GOARCH // arm64 names none
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	kb, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m.Memory = kb << 10
	return m
}

// field returns the value of the first "name : value" line.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
