//go:build linux

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/harness/scenario"
)

// example is an indented block of the README. Its mark says what to do with it,
// in an HTML comment in front of it, which readers do not see: run, run while
// it plays, or file NAME. Without a mark it is not run.
type example struct {
	line int
	mark string
	text string
}

const readmePath = "../../README.md"

func readme(t *testing.T) (all []example) {
	t.Helper()
	text, err := os.ReadFile(readmePath)
	require.NoError(t, err)
	var now *example
	mark := ""
	for i, line := range strings.Split(string(text), "\n") {
		code, indented := strings.CutPrefix(line, "    ")
		comment, marked := strings.CutPrefix(line, "<!-- ")
		switch {
		case marked:
			now, mark = nil, strings.TrimSuffix(comment, " -->")
			if mark == "end" || strings.HasPrefix(mark, "from ") {
				mark = "" // the bounds of a generated table
			}
		case indented:
			if now == nil {
				all = append(all, example{i + 1, mark, ""})
				now, mark = &all[len(all)-1], ""
			}
			now.text += code + "\n"
		case line == "" && now != nil && strings.HasPrefix(now.mark, "file "):
			now.text += "\n"
		default:
			now = nil
		}
	}
	require.Empty(t, mark, "a mark without a block")
	return all
}

func TestReadmeExamplesRun(t *testing.T) {
	dir, err := os.MkdirTemp("", "chronus") // t.TempDir is too long for a socket
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Symlink(bin(t), filepath.Join(dir, "bin")))

	h := play(t, nil, "--patch", "voice")
	_, port, err := net.SplitHostPort(h.until("it plays", func(*control.Status) bool { return true }).OSC)
	require.NoError(t, err)

	played, alone, sent := 0, 0, uint64(0)
	for _, e := range readme(t) {
		if name, ok := strings.CutPrefix(e.mark, "file "); ok {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(e.text), 0o644))
			continue
		}
		env := []string{"CHRONUS_CONTROL=" + filepath.Join(dir, "own.sock"), "CHRONUS_OSC_PORT=0", "CHRONUS_LEAD=24"}
		switch e.mark {
		case "":
			continue
		case "run":
			alone++
		case "run while it plays":
			env = []string{"CHRONUS_CONTROL=" + h.socket(), "CHRONUS_OSC_PORT=" + port, "SOCKET=" + h.socket()}
			played++
			sent += settings(e.text)
		default:
			t.Fatalf("%s:%d: unknown mark %q", readmePath, e.line, e.mark)
		}
		if _, err := exec.LookPath("curl"); err != nil && strings.Contains(e.text, "curl ") {
			continue
		}
		cmd := exec.Command("sh", "-eu", "-c", e.text)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s:%d\n%s%s", readmePath, e.line, e.text, said)
	}
	require.NotZero(t, played)
	require.NotZero(t, alone)

	st := h.until("every command of the README is in the log", func(st *control.Status) bool { return st.Commands >= sent })
	require.Zero(t, st.BadPackets, "the engine understood all of them")
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
}

// settings counts the commands of an example that set something.
func settings(text string) (n uint64) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "bin/chronus send ") && !strings.Contains(line, "/engine/status") {
			n++
		}
	}
	return n
}

// TestReadmeNamesOnlyWhatExists checks the commands, flags, targets and
// scenarios of all examples, even of those that take too long to run.
func TestReadmeNamesOnlyWhatExists(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	seen := 0
	for _, e := range readme(t) {
		for line := range strings.Lines(e.text) {
			line, _, _ = strings.Cut(line, "#")
			line, _, _ = strings.Cut(line, " > ")
			word := strings.Fields(line)
			switch {
			case strings.HasPrefix(line, "bin/chronus "):
				_, err := quietParser(t).Parse(word[1:])
				require.NoError(t, err, "%s:%d: %s", readmePath, e.line, line)
				seen++
			case strings.HasPrefix(line, "make "):
				require.Regexp(t, `(?m)^`+word[1]+`: .*## `, string(makefile), "%s:%d", readmePath, e.line)
				seen++
			}
		}
	}
	require.Greater(t, seen, 20)

	text, err := os.ReadFile(readmePath)
	require.NoError(t, err)
	all, err := scenario.All()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, s := range all {
		names[s.Name] = true
	}
	row := regexp.MustCompile(`(?m)^    ([a-z-]+) +\d+ +\d+ .* pass `)
	rows := row.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, rows)
	for _, m := range rows {
		require.True(t, names[m[1]], "no scenario %s", m[1])
	}
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		require.FileExists(t, filepath.Join("../..", m[1]))
	}
}
