package fault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// flip flips one bit in every block of sound that lies finished in its victim's memory: a stray write, or a memory cell that
// has gone bad. The victim does not notice and lives on; whoever reads has to.
//
// It knows no layout. It looks through what the victim holds writable for runs of one and the same sample that are not
// silence, which is what a block of the patch steps looks like.
type flip struct {
	target string
	block  time.Duration
	memory [][]byte
	drain  time.Duration // until every block that was flipped has been played
}

const (
	// flipRun is the least length of a run, in samples: what a scenario's blocks have.
	flipRun = 256
	// flipBlocks is how many blocks must sound before it flips: more than a lead, so that those still to be played are among them.
	flipBlocks = 12
	flipBit    = 1 << 22 // of a float32: the highest of its mantissa, which everybody would hear
)

func newFlip(s Spec, block time.Duration, _ Point) Fault {
	return &flip{target: s.Target, block: block}
}

func (f *flip) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	victims, err := choose(status, f.target)
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
			return errors.New("fault: there was no sound to flip a bit of")
		}
		return nil
	})
}

// runs calls do with each run of flipRun samples and counts them. A longer run counts as several.
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

// Recover waits: there is no second copy of a block of which both replicas' were flipped.
func (f *flip) Recover(ctx context.Context) error {
	select {
	case <-time.After(f.drain):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *flip) Cleanup() {
	for _, m := range f.memory {
		unix.Munmap(m)
	}
	f.memory = nil
}

// writable maps the memfds that a process holds open for writing, but for those that are sealed against it.
func writable(pid int) ([][]byte, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("fault: %w", err)
	}
	var all [][]byte
	for _, fd := range fds {
		name, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err != nil || !strings.HasPrefix(name, "/memfd:") || !opened(pid, fd.Name(), unix.O_RDWR) {
			continue
		}
		file, err := os.OpenFile(filepath.Join(dir, fd.Name()), os.O_RDWR, 0)
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

// opened says whether a descriptor was opened with an access mode.
func opened(pid int, fd string, mode int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	if err != nil {
		return false
	}
	var pos, flags int
	if _, err := fmt.Sscanf(string(text), "pos:\t%d\nflags:\t%o", &pos, &flags); err != nil {
		return false
	}
	return flags&unix.O_ACCMODE == mode
}
