//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/rig"
)

// built is a folder with the worker and the player.
var built string

// TestMain lets the test binary be the command. Worker and player are built: every test starts some of each.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "chronus" {
		runBin = filepath.Dir(os.Args[0]) // os.Executable sees through the link
		main()
	}
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // of the processes that are started: a second for each otherwise
	code := func() int {
		var err error
		if built, err = os.MkdirTemp("", "chronus"); err == nil {
			defer os.RemoveAll(built)
			err = rig.Executables(built)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}()
	os.Exit(code)
}

// bin is a folder with links to the executables, chronus being this one.
func bin(t *testing.T) string {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "chronus")))
	for _, name := range []string{"chronus-worker", "chronus-player"} {
		require.NoError(t, os.Symlink(filepath.Join(built, name), filepath.Join(dir, name)))
	}
	return dir
}

func call(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

func TestBadInputIsOneClearLineAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	port := fmt.Sprint(busy.LocalAddr().(*net.UDPAddr).Port)
	live := filepath.Join(dir, "live.sock")
	ctl, err := control.Listen(live)
	require.NoError(t, err)
	defer ctl.Close()
	cycle := file("cycle.toml", "out = \"a\"\n[[module]]\nid = \"a\"\nkind = \"gain\"\nin = \"b\"\n[[module]]\nid = \"b\"\nkind = \"gain\"\nin = \"a\"\n")
	badKind := file("kind.toml", "out = \"a\"\n[[module]]\nid = \"a\"\nkind = \"theremin\"\n")
	badKey := file("key.toml", "out = \"a\"\n[[module]]\nid = \"a\"\nkind = \"sine\"\nfrequency = 3.0\n")
	badType := file("type.toml", "out = \"a\"\n[[module]]\nid = \"a\"\nkind = \"sine\"\nfreq = \"high\"\n")
	noTape := file("no.tape", "this is not a tape")
	before := names(t, dir)
	runBin = bin(t)
	defer func() { runBin = "" }()

	for _, c := range []struct {
		args string
		says []string
	}{
		{"run --nonsense", []string{"nonsense"}},
		{"dance", []string{"dance"}},
		{"run --frames 0", []string{"--frames 0"}},
		{"run --frames x", []string{"--frames"}},
		{"run --lead 65", []string{"lead 65", "ring"}},
		{"run --lead=-1", []string{"--lead -1"}},
		{"run --rate 1", []string{"rate 1"}},
		{"run --replicas 0", []string{"--replicas 0"}},
		{"run --spares 20", []string{"replicas and spares"}},
		{"run --log xml", []string{"--log", "text", "json", "xml"}},
		{"run --log-level loud", []string{"--log-level", "loud"}},
		{"run --osc-port 70000", []string{"--osc-port 70000"}},
		{"run --osc-port " + port, []string{"127.0.0.1:" + port, "in use"}},
		{"run --osc-port " + port + " --sink wav:" + filepath.Join(dir, "a.wav") + " --tape " + filepath.Join(dir, "a.tape"), []string{"in use"}},
		{"run --osc-port 0 --control " + live, []string{live, "running"}},
		{"run --osc-port 0 --control " + filepath.Join(dir, "no/such/c.sock"), []string{"no/such"}},
		{"run --patch " + cycle, []string{cycle, "cycle", "a", "b"}},
		{"run --patch " + badKind, []string{badKind + ":4", "theremin"}},
		{"run --patch " + badKey, []string{badKey + ":5", "frequency"}},
		{"run --patch " + badType, []string{badType + ":5", "freq"}},
		{"run --patch " + filepath.Join(dir, "none.toml"), []string{"none.toml"}},
		{"run --patch " + dir, []string{dir}},
		{"run --sink trumpet", []string{"trumpet", "wav:FILE"}},
		{"run --sink wav:" + filepath.Join(dir, "no/such.wav"), []string{"no/such.wav"}},
		{"run --osc-port 0 --tape " + filepath.Join(dir, "no/such.tape"), []string{"no/such.tape"}},
		{"replay " + noTape, []string{noTape}},
		{"replay " + filepath.Join(dir, "none.tape"), []string{"none.tape"}},
		{"status --interval 0s", []string{"--interval 0s"}},
		{"status --watch --interval=-1s", []string{"--interval -1s"}},
		{"verify --run (", []string{"--run"}},
		{"verify --run nothing-matches-this", []string{"nothing-matches-this"}},
		{"verify --count -1", []string{"--count"}},
		{"report " + dir, []string{dir, "no such file", "chronus verify --out"}},
		{"compare " + noTape, []string{"new"}},
		{"compare " + noTape + " " + noTape, []string{noTape, "cut off"}},
		{"compare " + dir + " " + noTape, []string{dir, "runs.txt"}},
		{"compare --min-runs 0 a b", []string{"--min-runs 0"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
			code, out, errOut := call(strings.Fields(c.args)...)
			require.Equal(t, exitUsage, code, errOut)
			require.Empty(t, out)
			lines := strings.Split(strings.TrimSuffix(errOut, "\n"), "\n")
			last := lines[len(lines)-1]
			for _, l := range lines[:len(lines)-1] {
				require.Contains(t, l, "level=", "only the log may say more: %q", l)
			}
			require.True(t, strings.HasPrefix(last, "chronus: "), last)
			for _, s := range c.says {
				require.Contains(t, last, s)
			}
			require.NotContains(t, errOut, "goroutine")
			require.Equal(t, before, names(t, dir), "nothing is left behind")
		})
	}
}

func names(t *testing.T, dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestStatusOfNoEngineIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.sock")
	code, out, errOut := call("status", "--control", path)
	require.Equal(t, exitFail, code)
	require.Empty(t, out)
	require.Equal(t, 1, strings.Count(errOut, "\n"))
	require.Contains(t, errOut, path)
}

func TestHelpListsTheCommands(t *testing.T) {
	code, out, errOut := call("--help")
	require.Equal(t, exitPass, code)
	require.Empty(t, errOut)
	for _, s := range []string{"run", "status", "verify", "compare", "report", "replay"} {
		require.Contains(t, out, s)
	}
	_, out, _ = call("run", "--help")
	for _, s := range []string{"--patch", "--sink", "--rate", "--frames", "--lead", "--replicas", "--spares", "--osc-host", "--osc-port", "--control", "--tape", "--duration", "--verbose", "--log", "--log-level", "--systemd-unit", "CHRONUS_OSC_PORT"} {
		require.Contains(t, out, s)
	}
}

// TestSessionIsRecordedAndReplaysWithoutADifference is what a user does: run, look, replay.
func TestSessionIsRecordedAndReplaysWithoutADifference(t *testing.T) {
	dir := t.TempDir()
	sock, wav, tape := filepath.Join(dir, "c.sock"), filepath.Join(dir, "a.wav"), filepath.Join(dir, "a.tape")
	runBin = bin(t)
	defer func() { runBin = "" }()
	done := make(chan int, 1)
	go func() {
		code, _, _ := call("run", "--osc-port", "0", "--control", sock, "--sink", "wav:"+wav, "--tape", tape, "--duration", "2s", "--lead", "24")
		done <- code
	}()
	var st control.Status
	require.Eventually(t, func() bool {
		code, out, _ := call("status", "--json", "--control", sock)
		return code == exitPass && json.Unmarshal([]byte(out), &st) == nil && st.State == control.StatePlaying && st.Block > 10
	}, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, "wav:"+wav, st.Sink)
	require.NotEmpty(t, st.Workers)
	_, out, _ := call("status", "--control", sock)
	require.Contains(t, out, control.RolePrimary)
	require.Contains(t, out, control.RoleStandby)
	require.NotNil(t, st.Levels)
	require.InDelta(t, -6.02, st.Levels.PeakDBFS, 0.02, "the sine has an amplitude of a half")
	require.InDelta(t, -9.03, st.Levels.RMSDBFS, 0.2)
	require.NotNil(t, st.Callback)
	require.Positive(t, st.Callback.P50NS)
	require.Positive(t, st.Player.AgeNS)
	require.Positive(t, st.Player.RSS)
	for _, w := range st.Workers {
		require.Positive(t, w.AgeNS)
		require.Positive(t, w.RSS)
	}
	require.EqualValues(t, 24*256*int64(time.Second)/44100, st.LatencyNS)
	require.Equal(t, exitPass, <-done)
	require.NoFileExists(t, sock)
	code, out, errOut := call("replay", tape)
	require.Equal(t, exitPass, code, errOut)
	require.Contains(t, out, "no frame differs")

	// One flipped bit in one sample, anywhere.
	text, err := os.ReadFile(tape)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(tape, text, 0o644))
	code, _, errOut = call("replay", tape)
	require.NotEqual(t, exitPass, code)
	require.Contains(t, errOut, tape)
}
