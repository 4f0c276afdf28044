package probe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// OOMKills is how often the kernel has killed a process for want of memory in this process's control group, or on the whole
// machine where no group tells. Only a rise of it excuses the death of a process that no fault ordered.
func OOMKills() int64 {
	groups, _ := os.ReadFile("/proc/self/cgroup")
	return oomKills("/", string(groups))
}

func oomKills(root, groups string) int64 {
	for line := range strings.Lines(groups) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		var file string
		switch part[1] {
		case "": // version 2
			file = filepath.Join(root, "sys/fs/cgroup", part[2], "memory.events")
		case "memory": // version 1
			file = filepath.Join(root, "sys/fs/cgroup/memory", part[2], "memory.oom_control")
		default:
			continue
		}
		if n, ok := counter(file, "oom_kill"); ok {
			return n
		}
	}
	n, _ := counter(filepath.Join(root, "proc/vmstat"), "oom_kill")
	return n
}

// counter reads one "name value" line.
func counter(file, name string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
