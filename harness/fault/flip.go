package fault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"chronus/harness/probe"
)

// flip flips one bit in every block of sound that lies finished in its victim's
// memory, as a stray write or a failing memory cell would. The victim does not
// notice and lives on; the processes that read its ring have to notice.
//
// It does not depend on the layout of that memory. It searches what the victim
// has writable for runs of one repeated sample that are not silence, which is
// what a block of the patch steps looks like.
type flip struct {
	target string
	block  time.Duration
	memory [][]byte
	drain  time.Duration // until every flipped block has been played
}

const (
	// flipRun is the length of a run in samples: a block of a scenario.
	flipRun = 256
	// flipBlocks is how many blocks must sound before the flip: more than a
	// lead, so that some of them are still to be played.
	flipBlocks = 12
	// flipBit is the highest mantissa bit of a float32: its flip is audible.
	flipBit = 1 << 22
)

func newFlip(s Spec, block time.Duration, _ Point) Fault {
	return &flip{target: s.Target, block: block}
}

func (f *flip) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	status, victims, err := aim(ctx, e, f.target)
	if err != nil {
		return nil, err
	}
	victims[0].Survives = true
	f.drain = time.Duration(status.Lead+2) * f.block
	if f.memory, err = writable(victims[0].PID); err != nil {
		return nil, err
	}
	for f.runs(func([]byte) {}) < flipBlocks {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("fault: no sound in the memory of %s: %w", victims[0], context.Cause(ctx))
		}
	}
	return victims, nil
}

func (f *flip) Inject(context.Context) (Moment, error) {
	return strike(func() error {
		n := f.runs(func(run []byte) {
			word := run[len(run)/2:]
			binary.NativeEndian.PutUint32(word, binary.NativeEndian.Uint32(word)^flipBit)
		})
		if n == 0 {
			return errors.New("fault: no sound to flip a bit in")
		}
		return nil
	})
}

// runs calls do with each run of flipRun samples and returns how many there
// are. A longer run counts as several.
func (f *flip) runs(do func(run []byte)) int {
	const word = 4
	n := 0
	silence := make([]byte, word)
	for _, m := range f.memory {
		for at := 0; at+flipRun*word <= len(m); {
			first := m[at : at+word]
			end := at + word
			for end < at+flipRun*word && bytes.Equal(m[end:end+word], first) {
				end += word
			}
			if end == at+flipRun*word && !bytes.Equal(first, silence) {
				do(m[at:end])
				n++
			}
			at = end
		}
	}
	return n
}

func (f *flip) Wait(context.Context) error { return nil }

// Recover waits until the flipped blocks have been played: if the next fault
// flipped the other replica's copy of one of them, no good copy would be left.
func (f *flip) Recover(ctx context.Context) error {
	return pause(ctx, f.drain)
}

func (f *flip) Cleanup() {
	for _, m := range f.memory {
		unix.Munmap(m)
	}
	f.memory = nil
}

// writable maps the memfds that a process has open for writing, except those
// that are sealed against it.
func writable(pid int) ([][]byte, error) {
	held, err := probe.Descriptors(pid)
	if err != nil {
		return nil, fmt.Errorf("fault: %w", err)
	}
	var all [][]byte
	for _, d := range held {
		if !d.Writable() {
			continue
		}
		file, err := os.OpenFile(d.Path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if info, err := file.Stat(); err == nil && info.Size() > 0 {
			m, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err == nil {
				all = append(all, m)
			}
		}
		file.Close()
	}
	if all == nil {
		return nil, fmt.Errorf("fault: pid %d: no memory that can be written", pid)
	}
	return all, nil
}
