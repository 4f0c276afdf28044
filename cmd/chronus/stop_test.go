//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/engine/sink/wavfile"
	"chronus/harness/probe"
)

const patience = 60 * time.Second // for what must happen; nothing is timed

// host is an engine that runs as a process of its own, in a session of its own, so that none of its processes can be overlooked.
type host struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	log    *logBuffer
	client *control.Client
	exited chan struct{}
	memory map[uint64]bool // inodes of its memory regions
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// launch starts an engine. change, if any, may change how.
func launch(t *testing.T, change func(*exec.Cmd), args ...string) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "chronus") // the name of a test's own folder is too long for a socket
	require.NoError(t, err)
	h := &host{t: t, dir: dir, log: &logBuffer{}, exited: make(chan struct{}), client: control.NewClient(filepath.Join(dir, "s"))}
	h.cmd = exec.Command(filepath.Join(bin(t), "chronus"), append([]string{
		"run", "--osc-port", "0", "--lead", "24", "--control", h.socket(), "--sink", "wav:" + h.wav(), "--tape", h.tape(),
	}, args...)...)
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	h.cmd.Stderr = h.log
	if change != nil {
		change(h.cmd)
	}
	require.NoError(t, h.cmd.Start())
	go func() {
		_ = h.cmd.Wait() // in ProcessState
		close(h.exited)
	}()
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill()
		for _, p := range h.processes() { // whoever is left holds the log open, and with it the end
			_ = unix.Kill(p.PID, unix.SIGKILL)
		}
		<-h.exited
		_ = os.RemoveAll(dir)
	})
	return h
}

// play is launch that waits until it plays.
func play(t *testing.T, change func(*exec.Cmd), args ...string) *host {
	t.Helper()
	h := launch(t, change, args...)
	h.until("it plays", func(st *control.Status) bool { return st.State == control.StatePlaying && st.Block > 20 })
	h.memory = map[uint64]bool{}
	regions(strconv.Itoa(h.pid()), h.memory)
	require.Greater(t, len(h.memory), 4, "host, player, program and rings")
	return h
}

func (h *host) socket() string { return filepath.Join(h.dir, "s") }
func (h *host) wav() string    { return filepath.Join(h.dir, "a.wav") }
func (h *host) tape() string   { return filepath.Join(h.dir, "a.tape") }
func (h *host) pid() int       { return h.cmd.Process.Pid }

func (h *host) processes() []probe.Process {
	all, err := probe.Session(h.pid())
	require.NoError(h.t, err)
	return all
}

func (h *host) named(name string) (pids []int) {
	for _, p := range h.processes() {
		if p.Name == name {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func (h *host) eventually(what string, cond func() bool) {
	h.t.Helper()
	for begin := time.Now(); !cond(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			h.t.Fatalf("never: %s\n%s", what, h.log)
		}
	}
}

// until waits for a status, and returns it.
func (h *host) until(what string, cond func(*control.Status) bool) (st *control.Status) {
	h.t.Helper()
	h.eventually(what, func() (ok bool) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		st, err = h.client.Status(ctx)
		return err == nil && cond(st)
	})
	return st
}

// plays waits until so many more blocks were handed out.
func (h *host) plays(blocks uint64) {
	h.t.Helper()
	from := h.until("it answers", func(*control.Status) bool { return true }).Block
	h.until("it plays on", func(st *control.Status) bool { return st.State == control.StatePlaying && st.Block >= from+blocks })
}

func (h *host) signal(sig unix.Signal) { require.NoError(h.t, unix.Kill(h.pid(), sig)) }

// end waits for the host's end and checks that nothing is left of the engine.
func (h *host) end() (code int) {
	h.t.Helper()
	h.eventually("the host ends", func() bool {
		select {
		case <-h.exited:
			return true
		default:
			return false
		}
	})
	h.eventually("all its processes are gone", func() bool { return len(h.processes()) == 0 })
	code = h.cmd.ProcessState.ExitCode()
	if code >= 0 { // a killed one cannot remove it
		require.NoFileExists(h.t, h.socket())
	}
	left := map[uint64]bool{}
	entries, err := os.ReadDir("/proc")
	require.NoError(h.t, err)
	for _, e := range entries {
		regions(e.Name(), left)
	}
	for inode := range h.memory {
		require.False(h.t, left[inode], "a memory region of the engine is held by somebody")
	}
	return code
}

// regions adds the inodes of the engines' memory that a process has open or mapped.
func regions(pid string, inodes map[uint64]bool) {
	fds, _ := os.ReadDir(filepath.Join("/proc", pid, "fd")) // not a process, or gone
	for _, fd := range fds {
		path := filepath.Join("/proc", pid, "fd", fd.Name())
		var st unix.Stat_t
		if to, err := os.Readlink(path); err == nil && strings.HasPrefix(to, "/memfd:chronus-") && unix.Stat(path, &st) == nil {
			inodes[st.Ino] = true
		}
	}
	maps, _ := os.ReadFile(filepath.Join("/proc", pid, "maps"))
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); len(f) > 5 && strings.HasPrefix(f[5], "/memfd:chronus-") {
			inode, _ := strconv.ParseUint(f[4], 10, 64)
			inodes[inode] = true
		}
	}
}

// faded checks that the sound file is whole, that any program can read it, and that it ends in silence after sound.
func (h *host) faded() {
	h.t.Helper()
	text, err := os.ReadFile(h.wav())
	require.NoError(h.t, err)
	require.Greater(h.t, len(text), wavfile.HeaderSize)
	require.EqualValues(h.t, len(text)-wavfile.HeaderSize, binary.LittleEndian.Uint32(text[wavfile.HeaderSize-4:]), "the header knows its length")
	all := sound(h.t, h.wav())
	require.Zero(h.t, len(all)%256, "whole blocks")
	last := all[len(all)-256:]
	require.Zero(h.t, last[255])
	peak := func(part []float32) float32 { return max(slices.Max(part), -slices.Min(part)) }
	require.Greater(h.t, peak(all[len(all)-512:len(all)-256]), float32(0.4), "full sound before the fade")
	for at := 0; at < 256; at += 32 {
		require.LessOrEqual(h.t, peak(last[at:at+32]), 0.51*float32(256-at)/256, "the last block fades, from frame %d", at)
	}
}

func sound(t *testing.T, path string) []float32 {
	t.Helper()
	r, err := wavfile.OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	n, err := r.Frames()
	require.NoError(t, err)
	all := make([]float32, int(n)*r.Channels())
	_, err = r.ReadFrames(all, 0)
	require.NoError(t, err)
	return all
}

// recorded waits until there is something on the tape, which is written a buffer at a time.
func (h *host) recorded() {
	h.t.Helper()
	h.eventually("the tape has begun", func() bool {
		st, err := os.Stat(h.tape())
		return err == nil && st.Size() >= 64<<10
	})
}

// replayed checks the tape against the sound file, bit for bit.
func (h *host) replayed() (said string) {
	h.t.Helper()
	out := filepath.Join(h.dir, "replay.wav")
	code, said, errOut := call("replay", h.tape(), "--wav", out)
	require.Equal(h.t, exitPass, code, "%s%s", said, errOut)
	want, err := os.ReadFile(h.wav())
	require.NoError(h.t, err)
	got, err := os.ReadFile(out)
	require.NoError(h.t, err)
	require.True(h.t, bytes.Equal(want, got), "the file from the tape has %d bytes, that of the sink %d", len(got), len(want))
	return said
}

func TestSignalFadesOutAndLeavesNothing(t *testing.T) {
	for name, sig := range map[string]unix.Signal{"interrupt": unix.SIGINT, "terminate": unix.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			h := play(t, nil)
			h.signal(sig)
			require.Equal(t, exitPass, h.end(), h.log)
			h.faded()
			require.Contains(t, h.replayed(), "no frame differs")
			require.Equal(t, 1, strings.Count(h.log.String(), "msg=stopped"), h.log)
		})
	}
}

// Whoever ends a container or a service signals all its processes at once.
func TestSignalToAllProcessesFadesOut(t *testing.T) {
	h := play(t, nil)
	for _, p := range h.processes() {
		_ = unix.Kill(p.PID, unix.SIGTERM)
	}
	require.Equal(t, exitPass, h.end(), h.log)
	require.Zero(t, sound(t, h.wav())[len(sound(t, h.wav()))-1])
}

func TestStopWhileStartingIsClean(t *testing.T) {
	for name, come := range map[string]func(*host) bool{
		"control socket": func(h *host) bool { _, err := os.Stat(h.socket()); return err == nil },
		"first worker":   func(h *host) bool { return len(h.named("chronus-worker")) > 0 },
		"player":         func(h *host) bool { return len(h.named("chronus-player")) > 0 },
	} {
		t.Run(name, func(t *testing.T) {
			h := launch(t, nil)
			h.eventually(name, func() bool { return come(h) })
			h.signal(unix.SIGTERM)
			require.Equal(t, exitPass, h.end(), h.log)
			if _, err := os.Stat(h.wav()); err != nil {
				return // it was not even started
			}
			if all := sound(t, h.wav()); len(all) > 0 {
				require.Zero(t, all[len(all)-1])
			}
		})
	}
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	h := play(t, nil)
	h.signal(unix.SIGSTOP) // so that both are there when it goes on
	h.signal(unix.SIGINT)
	h.signal(unix.SIGTERM)
	h.signal(unix.SIGCONT)
	require.Equal(t, exitFail, h.end(), h.log)
	require.Contains(t, h.log.String(), "second signal")
}

func TestPlayerThatDoesNotFadeIsKilled(t *testing.T) {
	h := play(t, nil)
	require.NoError(t, unix.Kill(h.named("chronus-player")[0], unix.SIGSTOP))
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Contains(t, h.log.String(), "did not fade out in time")
	require.NotEmpty(t, sound(t, h.wav()))
}

func TestHostThatIsKilledLeavesAFadeAndNothingElse(t *testing.T) {
	h := play(t, nil)
	h.recorded()
	h.signal(unix.SIGKILL)
	require.Equal(t, -1, h.end())
	h.faded()
	code, out, errOut := call("replay", h.tape())
	require.Equal(t, exitPass, code, errOut)
	require.Contains(t, out, "the tape has no end")
	require.Contains(t, out, "no frame differs")
}

// A script's background job, and whatever was started with trap "" INT, ignores SIGINT, and so do the programs it starts.
func TestInterruptThatWasIgnoredStaysIgnored(t *testing.T) {
	h := play(t, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `trap "" INT; exec "$@"`, "sh"}, append([]string{c.Path}, c.Args[1:]...)...)
		c.Path = "/bin/sh"
	})
	h.signal(unix.SIGINT)
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.pid()), "status"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^SigIgn:\t[0-9a-f]+[2367abef]$`, string(status), "the bit of SIGINT")
	h.plays(20)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
}

func TestEnginePlaysOnWithoutItsTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	h := play(t, func(c *exec.Cmd) { c.Stdout, c.Stderr = w, w })
	require.NoError(t, w.Close())
	require.NoError(t, r.Close()) // from here on every write to it fails
	h.signal(unix.SIGHUP)
	h.killSpare() // which is logged
	h.plays(20)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end())
	h.faded()
}

func TestLogThatNobodyReadsHoldsNothingUp(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
	require.NoError(t, err)
	h := play(t, func(c *exec.Cmd) { c.Stderr = w }, "--verbose")
	require.NoError(t, w.Close())
	for range 12 { // some hundred bytes each
		h.killSpare()
	}
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end())
	h.faded()
}

// killSpare kills an idle worker and waits until there is another.
func (h *host) killSpare() {
	h.t.Helper()
	idle := func(st *control.Status) (workers []control.Worker) {
		for _, w := range st.Workers {
			if w.State == control.WorkerIdle {
				workers = append(workers, w)
			}
		}
		return workers
	}
	victim := idle(h.until("all spares are ready", func(st *control.Status) bool { return len(idle(st)) == 2 }))[0]
	require.NoError(h.t, unix.Kill(victim.PID, unix.SIGKILL))
	h.until("another spare is ready", func(st *control.Status) bool {
		return len(idle(st)) == 2 && !slices.ContainsFunc(st.Workers, func(w control.Worker) bool { return w.PID == victim.PID })
	})
}

// limit is a disk that has room for a file of so many bytes: to a process, the limit on the size of files is the same.
func limit(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil))
}

func TestFullDiskOfTheSoundFileIsSaidOnceAndWrittenLater(t *testing.T) {
	h := play(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events, err := h.client.Events(ctx, true)
	require.NoError(t, err)
	defer events.Close()
	kinds := map[string]int{}
	wait := func(kind string) control.Event {
		for e := range events.C {
			if kinds[e.Kind]++; e.Kind == kind {
				return e
			}
		}
		t.Fatalf("no event %s\n%s", kind, h.log)
		return control.Event{}
	}
	player := h.named("chronus-player")[0]
	limit(t, player, 1000)
	require.Contains(t, wait(control.SinkLost).Cause, "file too large")
	h.plays(600) // the header, for which there is room, is brought up to date a few times meanwhile
	limit(t, player, unix.RLIM_INFINITY)
	wait(control.SinkRestored)
	require.Equal(t, 1, kinds[control.SinkLost], "said once")
	require.Zero(t, kinds[control.PlayerDown])
	require.Equal(t, []int{player}, h.named("chronus-player"))
	h.plays(20)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Equal(t, 1, strings.Count(h.log.String(), "sink_lost"), h.log)
	h.faded()
	require.Contains(t, h.replayed(), "no frame differs")
}

func TestFullDiskOfTheTapeIsSaidOnceAndNotHeard(t *testing.T) {
	h := play(t, nil)
	h.recorded()
	limit(t, h.pid(), 1000)
	st := h.until("the tape ends", func(st *control.Status) bool { return st.TapeError != "" && st.TapeMissed > 20 })
	require.Contains(t, st.TapeError, "file too large")
	h.plays(200)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Equal(t, 1, strings.Count(h.log.String(), "the tape ends here"), h.log)
	h.faded()
	code, out, errOut := call("replay", h.tape())
	require.Equal(t, exitPass, code, errOut)
	require.Contains(t, out, "the tape has no end")
}

func TestSoundFileGoesOnWhereAKilledPlayerLeftIt(t *testing.T) {
	h := play(t, nil)
	for range 2 {
		player := h.named("chronus-player")
		require.NoError(t, unix.Kill(player[0], unix.SIGKILL))
		h.until("another player plays", func(st *control.Status) bool { return st.Player.PID != player[0] && st.Player.PID != 0 })
		h.plays(20)
	}
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	h.faded()
	require.Contains(t, h.replayed(), "no frame differs")
}
