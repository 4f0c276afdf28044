//go:build linux

package engine

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/patch"
	"chronus/engine/rig"
	"chronus/engine/rig/document"
)

func TestReadmeHasTheTableOfAddresses(t *testing.T) {
	var b strings.Builder
	b.WriteString("| address | argument | what it does |\n| --- | --- | --- |\n")
	for _, route := range OSCAddresses() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", route.Address, route.Arg.Doc, route.Doc)
	}
	document.Table(t, "../README.md", "engine/addresses.go, by go generate ./engine", b.String())
}

func TestEveryAddressIsDocumentedAndDoesOneThing(t *testing.T) {
	for _, route := range OSCAddresses() {
		require.NotEmpty(t, route.Arg.Doc, route.Address)
		require.NotEmpty(t, route.Doc, route.Address)
		require.NotEqual(t, route.Param != nil, route.Do != nil, route.Address)
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
		LateCommands: 11, DroppedCommands: 12, BadPackets: 13, KernelDrops: 14, WaitingCommands: 15, CoalescedCommands: 16,
		ClampedCommands: 17, WithheldAnswers: 1 << 40,
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
	want := []any{"starting"}
	for i := range int32(17) {
		want = append(want, i+1)
	}
	require.Equal(t, append(want, int32(math.MaxInt32)), args, "only s and i, saturated")
	require.Len(t, args, len(OSCStatus))
}

func TestMistypedNamesListWhatThereIsNearestFirst(t *testing.T) {
	p := newParams(rig.Compile(t, voice))
	_, err := p.find("lo", "gain")
	require.EqualError(t, err, `no module "lo" (the patch has: low, a, loud, b, both)`)
	_, err = p.find("low", "gian")
	require.EqualError(t, err, `module "low" has no parameter "gian" (it has: gain, gate)`)
	_, err = p.gate("lowd")
	require.EqualError(t, err, `no module "lowd" (the patch has: loud, low, both, a, b)`)
	_, err = p.gate("a")
	require.EqualError(t, err, `module "a" has no gate (with one: low, loud)`)
	low, err := p.gate("low")
	require.NoError(t, err)
	require.True(t, low.Gate)
	same, err := p.find("low", "gate")
	require.NoError(t, err)
	require.Equal(t, low, same, "a gate is the same gate wherever it is addressed")
	_, err = p.find(strings.Repeat("x", 1000), "y")
	require.Less(t, len(err.Error()), 200)
}
