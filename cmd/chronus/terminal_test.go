//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
)

// TestLogThatCannotBeWrittenDoesNotEndTheMusic runs the command as a process of its own, on what is left of a terminal.
func TestLogThatCannotBeWrittenDoesNotEndTheMusic(t *testing.T) {
	for name, stderr := range map[string]func(*testing.T) *os.File{
		"a pipe whose reader is gone": func(t *testing.T) *os.File {
			r, w, err := os.Pipe()
			require.NoError(t, err)
			require.NoError(t, r.Close())
			return w
		},
		"a full pipe that nobody reads": func(t *testing.T) *os.File {
			var fds [2]int
			require.NoError(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
			t.Cleanup(func() { _ = unix.Close(fds[0]) })
			require.NoError(t, unix.SetNonblock(fds[1], true))
			for {
				_, err := unix.Write(fds[1], make([]byte, 4096))
				if errors.Is(err, unix.EAGAIN) {
					break
				}
				require.NoError(t, err)
			}
			require.NoError(t, unix.SetNonblock(fds[1], false)) // the engine's writes wait for ever
			return os.NewFile(uintptr(fds[1]), "full pipe")
		},
	} {
		t.Run(name, func(t *testing.T) {
			sock := filepath.Join(t.TempDir(), "c.sock")
			w := stderr(t)
			engine := exec.Command(filepath.Join(bin(t), "chronus"), "run", "--osc-port", "0", "--control", sock, "--sink", "clock", "--lead", "24", "--verbose")
			engine.Stderr = w
			require.NoError(t, engine.Start())
			defer func() { _ = engine.Process.Kill() }()
			require.NoError(t, w.Close())
			client := control.NewClient(sock)
			var st *control.Status
			reaches := func(what string, is func() bool) {
				require.Eventually(t, func() bool {
					var err error
					st, err = ask(context.Background(), client, answerWithin)
					return err == nil && st.State == control.StatePlaying && is()
				}, 30*time.Second, 5*time.Millisecond, what)
			}
			reaches("plays", func() bool { return st.Block > 20 && whole(st) })
			require.NoError(t, engine.Process.Signal(syscall.SIGHUP))
			victim := st.Workers[0].PID
			require.NoError(t, syscall.Kill(victim, syscall.SIGKILL)) // which is worth some lines
			reaches("mends", func() bool { return st.Restarts == 1 && whole(st) })
			for _, k := range st.Workers {
				require.NotEqual(t, victim, k.PID)
			}
			block := st.Block
			reaches("goes on", func() bool { return st.Block > block+20 })
			require.NoError(t, engine.Process.Signal(syscall.SIGTERM))
			require.NoError(t, engine.Wait(), "SIGTERM ends it with 0")
			require.NoFileExists(t, sock)
		})
	}
}

// whole says whether all workers are ready for whatever comes.
func whole(st *control.Status) bool {
	for _, k := range st.Workers {
		if k.State != control.WorkerRendering && k.State != control.WorkerIdle {
			return false
		}
	}
	return len(st.Workers) == st.Replicas+st.Spares
}
