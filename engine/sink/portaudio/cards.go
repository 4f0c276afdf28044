package portaudio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cards returns why an output of a sound card cannot be opened: another process
// has it, or this one may not. ALSA then leaves the card out of the list of
// devices, without a word, as if there were none. The arguments are /proc and
// /dev/snd; "" means that no output is busy or forbidden. The format of the
// files is that of the kernel, Documentation/sound/designs/procfs.rst.
func cards(proc, dev string) string {
	outputs, _ := filepath.Glob(filepath.Join(proc, "asound", "card*", "pcm*p"))
	for _, output := range outputs {
		card, pcm := filepath.Base(filepath.Dir(output)), filepath.Base(output)
		var c, d int
		if _, err := fmt.Sscanf(card+" "+pcm, "card%d pcm%dp", &c, &d); err != nil {
			continue
		}
		name := fmt.Sprintf("hw:%d,%d", c, d)
		if id, err := os.ReadFile(filepath.Join(filepath.Dir(output), "id")); err == nil {
			name += " (" + strings.TrimSpace(string(id)) + ")"
		}
		node := filepath.Join(dev, fmt.Sprintf("pcmC%dD%dp", c, d))
		if err := unix.Access(node, unix.R_OK|unix.W_OK); err == unix.EACCES {
			return fmt.Sprintf("%s: permission denied on %s: is the user in the group audio?", name, node)
		}
		if pid := owner(output); pid != "" {
			return fmt.Sprintf("%s is busy: process %s (%s) has it", name, pid, command(proc, pid))
		}
	}
	return ""
}

// owner returns the process that has every stream of an output; "" if one is
// free.
func owner(output string) (pid string) {
	streams, _ := filepath.Glob(filepath.Join(output, "sub*", "status"))
	for _, stream := range streams {
		status, err := os.ReadFile(stream)
		if err != nil || strings.TrimSpace(string(status)) == "closed" {
			return ""
		}
		for line := range strings.Lines(string(status)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "owner_pid" {
				pid = strings.TrimSpace(value)
			}
		}
	}
	return pid
}

func command(proc, pid string) string {
	comm, err := os.ReadFile(filepath.Join(proc, pid, "comm"))
	if err != nil {
		return "gone"
	}
	return strings.TrimSpace(string(comm))
}
