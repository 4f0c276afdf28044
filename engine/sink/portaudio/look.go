//go:build linux && portaudio

package portaudio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/sink"
)

// lookLimit is how long listing the devices may take.
const lookLimit = 3 * time.Second

// errNoAnswer is why a device cannot be opened whose server hangs.
var errNoAnswer = errors.New("the sound system does not answer")

// look returns why the device cannot be opened now, nil if it can. A process of
// its own lists the devices, at the priority of any other program.
func (d *driver) look() error {
	result := make(chan error, 1)
	go func() {
		// The child inherits the priority of the thread that starts it, and
		// dies with that thread. Without an unlock, the thread ends here.
		runtime.LockOSThread()
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_NORMAL}, 0)
		list, err := listed()
		if err == nil {
			_, err = sink.Find(list, d.Name)
			if why := cards("/proc", "/dev/snd"); errors.Is(err, sink.ErrNotThere) && why != "" {
				err = fmt.Errorf("%w (%s)", err, why)
			}
		}
		result <- err
	}()
	defer d.Busy.Store(true)
	return <-result
}

func listed() ([]sink.DeviceInfo, error) {
	for fd := 3; fd < 3+maxGiven; fd++ {
		unix.CloseOnExec(fd) // what the host has passed on belongs to the player alone
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "devices")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, errNoAnswer
	}
	why, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sink.ErrCrashed, err)
	}
	var list []sink.DeviceInfo
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	if len(list) == 0 && why != "" {
		return nil, sink.NoDevice(why)
	}
	return list, nil
}
