//go:build linux

package engine

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/patch"
	"chronus/engine/rig"
)

// TestREADMEListsEveryAddress compares the first column of the README's table
// with the engine's own.
func TestREADMEListsEveryAddress(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	var want, got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\|").FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
	}
	for _, route := range OSCAddresses() {
		want = append(want, route.Address)
	}
	require.Equal(t, want, got)
}

func TestEveryAddressIsDocumentedAndDoesOneThing(t *testing.T) {
	for _, route := range OSCAddresses() {
		require.NotEmpty(t, route.Arg.Doc, route.Address)
		require.NotEmpty(t, route.Doc, route.Address)
		require.NotEqual(t, route.Word != nil, route.Do != nil, route.Address)
	}
}

const voice = `out = "low"
module = [
	{ id = "low", kind = "gain", in = "both", gain = 0.5 },
	{ id = "both", kind = "mix", in = ["loud", "b"] },
	{ id = "loud", kind = "gain", in = "a" },
	{ id = "a", kind = "sine" },
	{ id = "b", kind = "sine" },
]
`

func TestEngineFreqAndGain(t *testing.T) {
	address := func(code *patch.Compiled, module, param string) uint32 {
		a, err := code.Address(module, param)
		require.NoError(t, err)
		return a
	}
	code := rig.Compile(t, voice)
	freq, err := mainFreq(code)
	require.NoError(t, err)
	require.Equal(t, address(code, "a", "freq"), freq, "the first sine")
	gain, err := mainGain(code)
	require.NoError(t, err)
	require.Equal(t, address(code, "low", "gain"), gain, "the gain nearest to the output")

	// A gain that cannot be heard is not a volume.
	code = rig.Compile(t, "out = \"s\"\n[[module]]\nid = \"s\"\nkind = \"sine\"\n[[module]]\nid = \"g\"\nkind = \"gain\"\nin = \"s\"\n")
	gain, err = mainGain(code)
	require.NoError(t, err)
	require.Equal(t, address(code, "s", "amp"), gain)

	code = rig.Compile(t, "out = \"c\"\n[[module]]\nid = \"c\"\nkind = \"const\"\n")
	_, err = mainFreq(code)
	require.EqualError(t, err, "the patch has no sine")
	_, err = mainGain(code)
	require.EqualError(t, err, "the patch has no module with a gain, and no sine")
}

func TestStatusFitsItsNames(t *testing.T) {
	st := control.Status{
		State: control.StateStarting, Block: 1, Rate: 2, Frames: 3, Failovers: 6, Restarts: 7, LostFrames: 8, Xruns: 9, Commands: 10,
		LateCommands: 11, DroppedCommands: 12, BadPackets: 13,
		Workers: []control.Worker{
			{State: control.WorkerRendering},
			{State: control.WorkerRendering},
			{State: control.WorkerRendering},
			{State: control.WorkerRendering},
			{State: control.WorkerIdle},
			{State: control.WorkerIdle},
			{State: control.WorkerIdle},
			{State: control.WorkerIdle},
			{State: control.WorkerIdle},
			{State: control.WorkerDead},
		},
	}
	args := oscStatus(st)
	require.Equal(t, []any{
		"starting", int64(1), int32(2), int32(3), int32(4), int32(5),
		int64(6), int64(7), int64(8), int64(9), int64(10), int64(11), int64(12), int64(13),
	}, args)
	require.Len(t, args, len(OSCStatus))
}
