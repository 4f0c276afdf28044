package patch

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/dsp"
)

// load compiles a built-in patch for blocks of 256 frames at 44,100 Hz.
func load(t testing.TB, name string) *Compiled {
	t.Helper()
	p, err := Load(name)
	require.NoError(t, err)
	c, err := p.Compile(44100, 256)
	require.NoError(t, err)
	return c
}

func TestEveryBuiltinIsRestoredFromItsNameAndText(t *testing.T) {
	for _, name := range Builtin() {
		t.Run(name, func(t *testing.T) {
			p, err := Load(name)
			require.NoError(t, err)
			again, err := Load(p.Name())
			require.NoError(t, err)
			require.Equal(t, p, again)
			parsed, err := Parse(p.Name(), p.Text())
			require.NoError(t, err)
			require.Equal(t, p, parsed)
		})
	}
}

func TestSineIsOneSineOf440HzAndNothingElse(t *testing.T) {
	c := load(t, "sine")
	require.Len(t, c.Program.Ops, 1)
	require.Equal(t, 1.0, c.Program.Limit)
	_, err := c.Address("sine1", "freq")
	require.NoError(t, err)
	out := make([]float32, 256)
	c.Program.Render(c.Program.Initial, out)
	for i, x := range out {
		require.Equal(t, float32(0.5*math.Sin(2*math.Pi*440*float64(i)/44100)), x)
	}
}

func TestStepsAndHeavyOutputExactlyStep(t *testing.T) {
	for _, name := range []string{"steps", "heavy:100"} {
		t.Run(name, func(t *testing.T) {
			c := load(t, name)
			step, err := c.Address("step", "value")
			require.NoError(t, err)
			st, out := slices.Clone(c.Program.Initial), make([]float32, 256)
			for _, v := range []float32{0, 1, -1, 0.1, 1e-30, 16777213, math.MaxFloat32} {
				c.Program.Set(st, step, float64(v))
				c.Program.Render(st, out)
				for _, x := range out {
					require.Equal(t, v, x)
				}
			}
		})
	}
}

func TestLimitsOfTheBuiltinPatches(t *testing.T) {
	for name, want := range map[string]float64{"sine": 1, "voice": 1, "noise": 1, "steps": 0, "heavy:3": 0} {
		require.Equal(t, want, load(t, name).Program.Limit, name)
	}
}

func TestVoiceIsSilentUntilItsGateOpensAndAfterItCloses(t *testing.T) {
	c := load(t, "voice")
	gate, err := c.Gate("adsr1")
	require.NoError(t, err)
	play := func(gateTo float64, blocks int) (loudest float32) {
		c.Program.Set(c.Program.Initial, gate, gateTo)
		out := make([]float32, 256)
		for range blocks {
			c.Program.Render(c.Program.Initial, out)
			loudest = slices.Max(out)
		}
		return loudest
	}
	require.Zero(t, play(0, 10))
	require.InDelta(t, 0.3, play(1, 100), 0.01) // 0.5 times a sustain of 0.6; the filter passes 440 Hz
	require.InDelta(t, 0, play(0, 200), 1e-9)
}

func TestHeavyComputesItsMutedBank(t *testing.T) {
	c := load(t, "heavy:100")
	sines := 0
	for _, op := range c.Program.Ops {
		if dsp.Kinds()[op.Kind].Name == "sine" {
			sines++
		}
	}
	require.Equal(t, 100, sines)

	st, out := slices.Clone(c.Program.Initial), make([]float32, 256)
	c.Program.Render(st, out)
	require.NotEqual(t, c.Program.Initial, st)

	unmute, err := c.Address("mute", "gain")
	require.NoError(t, err)
	c.Program.Set(st, unmute, 1)
	c.Program.Render(st, out)
	require.NotEqual(t, make([]float32, 256), out)
}

func TestTheLargestHeavyFits(t *testing.T) {
	c := load(t, fmt.Sprintf("heavy:%d", maxHeavy))
	require.LessOrEqual(t, c.Program.Words(), dsp.MaxWords)
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "v.toml")
	require.NoError(t, os.WriteFile(path, []byte(voice), 0o600))
	p, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, path, p.Name())
	require.Equal(t, voice, string(p.Text()))

	missing := filepath.Join(dir, "none.toml")
	tests := []struct{ name, want string }{
		{missing, "patch: " + missing + ": no such file or directory (built in: sine, voice, steps, noise, heavy)"},
		{dir, "patch: " + dir + ": is a directory (built in: sine, voice, steps, noise, heavy)"},
		{"heavy:0", "patch: heavy:0: the number of sines must be in 1..16000"},
		{"heavy:16001", "patch: heavy:16001: the number of sines must be in 1..16000"},
		{"heavy:0%", "patch: heavy:0%: the share must be in 1..99%"},
		{"heavy:100%", "patch: heavy:100%: the share must be in 1..99%"},
		{"heavy:many", "patch: heavy:many: the number of sines must be in 1..16000"},
	}
	for _, tt := range tests {
		_, err := Load(tt.name)
		require.EqualError(t, err, tt.want)
	}
	_, err = Load(missing)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRenderAllocatesNothing(t *testing.T) {
	for _, name := range append(slices.Clone(inFiles), "heavy:200") {
		c := load(t, name)
		st, out := slices.Clone(c.Program.Initial), make([]float32, 256)
		require.Zero(t, testing.AllocsPerRun(50, func() {
			c.Program.Set(st, 0, 1)
			c.Program.Render(st, out)
		}), name)
	}
}

func BenchmarkRender(b *testing.B) {
	for _, name := range []string{"sine", "voice", "steps", "heavy:1000"} {
		b.Run(name, func(b *testing.B) {
			c := load(b, name)
			st, out := slices.Clone(c.Program.Initial), make([]float32, c.Program.Frames)
			b.ReportAllocs()
			for b.Loop() {
				c.Program.Render(st, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.Program.Frames), "ns/frame")
		})
	}
}

// BenchmarkVoice renders a block of the voice while it is silent, while it is
// held, while a command per block sweeps its filter, and the same with the
// command on a frame within the block.
func BenchmarkVoice(b *testing.B) {
	for _, name := range []string{"silent", "held", "swept", "swept on a frame"} {
		b.Run(name, func(b *testing.B) {
			c := load(b, "voice")
			gate, err := c.Gate("adsr1")
			require.NoError(b, err)
			freq, err := c.Address("filter1", "freq")
			require.NoError(b, err)
			p, out, block := c.Program, make([]float32, c.Program.Frames), uint64(0)
			st := slices.Clone(p.Initial)
			if name != "silent" {
				p.Set(st, gate, 1)
			}
			for ; block < 200; block++ {
				p.RenderBlock(st, block, out)
			}
			b.ReportAllocs()
			for b.Loop() {
				switch cutoff := 500 + float64(block%1000); name {
				case "swept":
					p.Set(st, freq, cutoff)
				case "swept on a frame":
					p.Schedule(st, block*uint64(p.Frames)+100, freq, cutoff)
				}
				p.RenderBlock(st, block, out)
				block++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/block")
		})
	}
}

// Any stretch of a recording of it shows which frame it was.
func TestNoiseIsNeverSilentAndNeverRepeats(t *testing.T) {
	c := load(t, "noise")
	st, out := slices.Clone(c.Program.Initial), make([]float32, 256)
	seen := map[[4]float32]bool{}
	for range 1000 {
		c.Program.Render(st, out)
		require.NotContains(t, out, float32(0))
		for i := 0; i < len(out); i += 4 {
			four := [4]float32(out[i:])
			require.False(t, seen[four], "four consecutive samples appeared before")
			seen[four] = true
		}
	}
}
