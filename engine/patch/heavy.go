package patch

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxHeavy is the largest number of sines in the patch heavy. Its state then
// takes about three quarters of the largest arena.
const maxHeavy = 16000

// heavyGroup is the number of sines that are mixed at a time: few enough for
// their blocks to stay in the CPU's cache.
const heavyGroup = 32

// heavyHead is the audible part of heavy, and the module that mutes the rest.
const heavyHead = `out = "out"
limit = 0 # step passes unchanged, however large

[[module]]
id = "step"
kind = "const"
value = 0.0

[[module]]
id = "out"
kind = "mix"
in = ["step", "mute"]

[[module]]
id = "mute"
kind = "gain"
in = "bank"
gain = 0.0

`

// heavy returns a patch of n sines that cannot be heard. The bank of sines is
// muted, so that the output is exactly the const `step`, but its whole state
// must be computed, copied and compared like any other.
func heavy(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %d sines and some noise, all muted: the output is exactly step.\n\n", n)
	b.WriteString(heavyHead)
	groups := []string{"noise"}
	var group []string
	for i := 1; i <= n; i++ {
		id := fmt.Sprintf("sine%d", i)
		freq := 55 + math.Mod(float64(i)*73.25, 8000)
		fmt.Fprintf(&b, "[[module]]\nid = %q\nkind = \"sine\"\nfreq = %.2f\namp = 0.01\n\n", id, freq)
		group = append(group, id)
		if len(group) == heavyGroup || i == n {
			groups = append(groups, fmt.Sprintf("group%d", len(groups)))
			heavyMix(&b, groups[len(groups)-1], group)
			group = nil
		}
	}
	fmt.Fprintf(&b, "[[module]]\nid = \"noise\"\nkind = \"noise\"\namp = 0.01\nseed = 1\n\n")
	heavyMix(&b, "bank", groups)
	return b.Bytes()
}

// heavyMix appends a mix of the modules in.
func heavyMix(b *bytes.Buffer, id string, in []string) {
	fmt.Fprintf(b, "[[module]]\nid = %q\nkind = \"mix\"\nin = [\"%s\"]\n\n", id, strings.Join(in, `", "`))
}

// heavyShare is the share of its own duration that a block of plain heavy
// should take to render: half, plus a little in case the measurement came out
// long.
const heavyShare = 0.51

// calibrate returns the number of sines for a share on this machine, with two
// replicas rendering at the same time, for blocks of 256 frames at 44,100 Hz.
// The block size matters little; the share grows in proportion to the sample
// rate.
func calibrate(share float64) (int, error) {
	const rate, frames = 44100, 256
	goal := share * frames / rate * float64(time.Second)
	n := 256
	// The second round measures close to the goal, where the caches are as full
	// as they will be in use.
	for range 2 {
		d, err := blockTime(n, rate, frames)
		if err != nil {
			return 0, err
		}
		n = min(max(int(float64(n)*goal/float64(d)), 1), maxHeavy)
	}
	return n, nil
}

// blockTime returns how long a block of heavy takes to render while another
// replica renders the same block, as is always the case in an engine: two
// logical CPUs are often one core, and then each is much slower while both
// compute. It is the lower quartile of several blocks, because interruptions
// are not the patch's.
func blockTime(n, rate, frames int) (time.Duration, error) {
	p, err := Parse(fmt.Sprintf("heavy:%d", n), heavy(n))
	if err != nil {
		return 0, err
	}
	const replicas, blocks = 2, 24
	var times [replicas][]time.Duration
	var all sync.WaitGroup
	for i := range replicas {
		c, err := p.Compile(rate, frames)
		if err != nil {
			return 0, err
		}
		all.Go(func() {
			st, out := slices.Clone(c.Program.Initial), make([]float32, frames)
			for range blocks {
				start := time.Now()
				c.Program.Render(st, out)
				times[i] = append(times[i], time.Since(start))
			}
		})
	}
	all.Wait()
	both := slices.Sorted(slices.Values(slices.Concat(times[:]...)))
	return max(both[len(both)/4], 1), nil
}
