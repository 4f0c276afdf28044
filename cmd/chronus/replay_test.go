//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/patch"
	"chronus/engine/rig"
	"chronus/engine/tape"
)

// record makes a tape of the patch sine that lacks some of its blocks.
func record(t *testing.T, path string, blocks uint64, without ...uint64) {
	t.Helper()
	p, err := patch.Load("sine")
	require.NoError(t, err)
	c, err := p.Compile(44100, 256)
	require.NoError(t, err)
	w, err := tape.Create(path, tape.Header{Rate: 44100, Frames: 256, Channels: 1, Slots: 1, Patch: p.Name(), PatchText: string(p.Text())})
	require.NoError(t, err)
	state, b := append([]uint64(nil), c.Program.Initial...), tape.Block{Sums: make([]uint64, 1), Samples: make([]float32, 256)}
	for n := range blocks {
		c.Program.Render(state, b.Samples)
		b.Block, b.Prev = n, n
		if len(without) > 0 && n == without[0] {
			without = without[1:]
			continue
		}
		require.NoError(t, w.Block(&b))
	}
	require.NoError(t, w.Close())
}

func TestReplayWritesMissingBlocksAsSilenceAndReportsThem(t *testing.T) {
	dir := t.TempDir()
	path, wav := filepath.Join(dir, "a.tape"), filepath.Join(dir, "a.wav")
	record(t, path, 10, 3, 4)
	code, out, errOut := call("replay", path, "--wav", wav)
	require.Equal(t, exitFail, code, "as without --wav")
	require.Contains(t, errOut, "2 blocks are missing")
	require.Contains(t, out, wav+": 2560 frames (58ms) at 44100 Hz, with silence for 2 blocks that are not on the tape\n")
	all := rig.Sound(t, wav)
	require.Len(t, all, 2560)
	require.Equal(t, make([]float32, 512), all[3*256:5*256])
	require.NotZero(t, all[5*256+10])
}

func TestReplayOfADamagedTapeWritesWhatIsReadable(t *testing.T) {
	dir := t.TempDir()
	path, wav := filepath.Join(dir, "a.tape"), filepath.Join(dir, "a.wav")
	record(t, path, 10)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(path, text, 0o644))
	code, out, errOut := call("replay", path, "--wav", wav)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errOut, path+": byte ")
	require.Regexp(t, `a\.wav: (1024|1280) frames`, out)
	require.NotEmpty(t, rig.Sound(t, wav))
}

func TestReplayToAFileThatCannotBeWrittenIsAMistake(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tape")
	record(t, path, 3)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	link := filepath.Join(dir, "link.wav")
	require.NoError(t, os.Link(path, link))
	for wav, says := range map[string]string{
		path:                           "this is the tape itself",
		link:                           "this is the tape itself",
		dir:                            "is a directory",
		filepath.Join(dir, "no/a.wav"): "no such file",
		"/dev/full":                    "no space left",
	} {
		code, out, errOut := call("replay", path, "--wav", wav)
		require.Equal(t, exitUsage, code, wav)
		require.Empty(t, out)
		require.Contains(t, errOut, wav)
		require.Contains(t, errOut, says)
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
