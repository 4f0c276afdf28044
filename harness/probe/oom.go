package probe

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// OOMKills returns how many processes the kernel has killed for want of memory
// in this process's control group, or on the whole machine if the group has no
// such counter. Only a rise of it excuses a death that no fault ordered.
func OOMKills() int64 { return oomKills("/") }

func oomKills(root string) int64 {
	for _, g := range groups(root) {
		var file string
		switch {
		case len(g.Controllers) == 0: // version 2
			file = filepath.Join(root, "sys/fs/cgroup", g.Path, "memory.events")
		case slices.Contains(g.Controllers, "memory"): // version 1
			file = filepath.Join(root, "sys/fs/cgroup/memory", g.Path, "memory.oom_control")
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

// groups returns the control groups of this process, none if they cannot be
// read.
func groups(root string) []procfs.Cgroup {
	fs, err := procfs.NewFS(filepath.Join(root, "proc"))
	if err != nil {
		return nil
	}
	self, err := fs.Self()
	if err != nil {
		return nil
	}
	all, _ := self.Cgroups()
	return all
}

// counter reads the "name value" line of that name. It is written by hand
// because procfs reads neither the files of a control group nor vmstat.
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
