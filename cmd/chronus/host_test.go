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
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/engine/rig"
	"chronus/engine/sink/wavfile"
	"chronus/harness/probe"
)

// patience is how long a test waits for something that must happen. No test
// depends on how long it takes.
const patience = 60 * time.Second

// host is an engine that runs as a process, in a session of its own so that a
// test can find every process that belongs to it.
type host struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	log    *rig.Log
	client *control.Client
	exited chan struct{}
	memory map[uint64]bool // inodes of its memory regions
}

// launch starts an engine. change, which may be nil, adjusts the command first.
func launch(t *testing.T, change func(*exec.Cmd), args ...string) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "chronus") // t.TempDir is too long for a socket
	require.NoError(t, err)
	h := &host{t: t, dir: dir, log: new(rig.Log), exited: make(chan struct{}), client: control.NewClient(filepath.Join(dir, "s"))}
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
		_ = h.cmd.Wait() // ProcessState has the result
		close(h.exited)
	}()
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill()
		for _, p := range h.processes() { // a process that is left keeps the log open, and Wait waiting
			_ = unix.Kill(p.PID, unix.SIGKILL)
		}
		<-h.exited
		_ = os.RemoveAll(dir)
	})
	return h
}

// play starts an engine and waits until it plays.
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

// until waits for a status that meets a condition, and returns it.
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

// plays waits until that many more blocks have been delivered.
func (h *host) plays(blocks uint64) {
	h.t.Helper()
	from := h.until("it answers", func(*control.Status) bool { return true }).Block
	h.until("it plays on", func(st *control.Status) bool { return st.State == control.StatePlaying && st.Block >= from+blocks })
}

func (h *host) signal(sig unix.Signal) { require.NoError(h.t, unix.Kill(h.pid(), sig)) }

// end waits until the host has exited and checks that nothing of the engine is
// left. It returns the exit code, -1 after a signal.
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
	if code >= 0 { // a host that was killed cannot remove it
		require.NoFileExists(h.t, h.socket())
	}
	left := map[uint64]bool{}
	entries, err := os.ReadDir("/proc")
	require.NoError(h.t, err)
	for _, e := range entries {
		regions(e.Name(), left)
	}
	for inode := range h.memory {
		require.False(h.t, left[inode], "a process still holds a memory region of the engine")
	}
	return code
}

// regions adds the inodes of the engine's memory regions that a process has
// open or mapped.
func regions(pid string, inodes map[uint64]bool) {
	fds, _ := os.ReadDir(filepath.Join("/proc", pid, "fd")) // not a process, or one that has exited
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

// faded checks that the sound file is complete, that its header is right, and
// that it fades from full sound to silence.
func (h *host) faded() {
	h.t.Helper()
	text, err := os.ReadFile(h.wav())
	require.NoError(h.t, err)
	require.Greater(h.t, len(text), wavfile.HeaderSize)
	require.EqualValues(h.t, len(text)-wavfile.HeaderSize, binary.LittleEndian.Uint32(text[wavfile.HeaderSize-4:]), "the header holds the length")
	all := rig.Sound(h.t, h.wav())
	require.Zero(h.t, len(all)%256, "whole blocks")
	last := all[len(all)-256:]
	require.Zero(h.t, last[255])
	peak := func(part []float32) float32 { return max(slices.Max(part), -slices.Min(part)) }
	require.Greater(h.t, peak(all[len(all)-512:len(all)-256]), float32(0.4), "full sound before the fade")
	for at := 0; at < 256; at += 32 {
		require.LessOrEqual(h.t, peak(last[at:at+32]), 0.51*float32(256-at)/256, "the last block fades, from frame %d", at)
	}
}

// recorded waits until the tape has some content; it is written a buffer at a
// time.
func (h *host) recorded() {
	h.t.Helper()
	h.eventually("the tape has begun", func() bool {
		st, err := os.Stat(h.tape())
		return err == nil && st.Size() >= 64<<10
	})
}

// replayed checks the tape against the sound file, bit for bit, and returns
// what replay prints.
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

// killSpare kills an idle worker and waits until another has replaced it.
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

// whole reports whether the engine has all its workers, each rendering or idle.
func whole(st *control.Status) bool {
	for _, k := range st.Workers {
		if k.State != control.WorkerRendering && k.State != control.WorkerIdle {
			return false
		}
	}
	return len(st.Workers) == st.Replicas+st.Spares
}
