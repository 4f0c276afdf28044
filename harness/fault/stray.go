package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/harness/probe"
)

var words = Parameter{
	Name: "words", Needs: "words",
	Given: func(s Spec) bool { return s.Words != nil },
	Valid: func(s Spec) bool { return s.Words != nil },
}

// Strays reports whether the kind's faults are flipped bits, whose places only
// a build with failpoints tells.
func (k Kind) Strays() bool { return k.takes(words.Name) }

// Word is a word of one of the engine's memory regions, as the engine lists it.
type Word struct {
	Region string `json:"region"` // host, player or ring
	Name   string `json:"name"`
	Offset int    `json:"offset"` // bytes
	Size   int    `json:"size"`   // bytes
	// Stride and Count are set for a word of a table with an entry per block:
	// that of block n lies n mod Count strides, in bytes, behind Offset.
	Stride int `json:"stride"`
	Count  int `json:"count"`
	// Figure is set for a word that no process acts on.
	Figure bool `json:"figure"`
}

func (w Word) String() string { return w.Region + "." + w.Name }

// bitsMost is the most bits that a word has.
const bitsMost = 64

// Bits returns the bits of the words whose names match, each as a point.
// Figures are left out: until its owner states it anew, the engine shows a
// wrong one.
func Bits(all []Word, names *regexp.Regexp) []Point {
	var chosen []Point
	for i, w := range all {
		if w.Figure || !names.MatchString(w.String()) {
			continue
		}
		for bit := range 8 * w.Size {
			chosen = append(chosen, Point{
				ID: i*bitsMost + bit, Name: fmt.Sprintf("%s.%d", w, bit), Target: "header",
			})
		}
	}
	return chosen
}

// stray flips one bit of a word in the engine's memory, as a stray store would,
// and kills the primary at once, before anything could restate the word. The
// bit decides in whose ring it is: the primary's, the standby's or a spare's.
// That worker may die of it.
type stray struct {
	point Point
	kill  signal
	file  *os.File
	at    int64 // where the byte lies, bytes
	bit   int   // of the byte

	settle time.Duration
}

// straySettle is how many blocks the effects of a stray bit may take.
const straySettle = 10

func newStray(s Spec, block time.Duration, p Point) Fault {
	return &stray{
		point: p, kill: signal{sig: unix.SIGKILL, target: s.Target}, settle: straySettle * block,
	}
}

func (f *stray) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	all, err := e.Words(ctx)
	if err != nil {
		return nil, err
	}
	if f.point.ID/bitsMost >= len(all) {
		return nil, fmt.Errorf("fault: %s: the engine lists no such word", f.point.Name)
	}
	word, bit := all[f.point.ID/bitsMost], f.point.ID%bitsMost
	victims, err := f.kill.Setup(ctx, e)
	if err != nil {
		return nil, err
	}
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	region := "chronus-" + word.Region
	if word.Region == "ring" {
		roles := []string{control.RolePrimary, control.RoleStandby, control.RoleSpare}
		hit, err := choose(status, roles[bit%len(roles)])
		if err != nil {
			return nil, err
		}
		region = fmt.Sprintf("%s-%d", region, hit[0].Slot)
		victims = also(victims, hit[0])
	}
	for i := range status.Workers {
		if w := &status.Workers[i]; strings.HasPrefix(word.Name, fmt.Sprintf("Slots[%d].", w.Slot)) {
			victims = also(victims, victim(w))
		}
	}
	if f.file, err = memfd(status.PID, region); err != nil {
		return nil, err
	}
	f.at, f.bit = int64(word.Offset+bit/8), bit%8
	if word.Count > 0 { // the newest one: the engine seals a lead ahead of what it plays
		f.at += int64((status.Block+uint64(status.Lead))%uint64(word.Count)) * int64(word.Stride)
	}
	return victims, nil
}

// also adds a worker whose word is flipped, and which may die of it.
func also(victims []Victim, v Victim) []Victim {
	if v.PID == victims[0].PID {
		return victims
	}
	v.MayDie = true
	return append(victims, v)
}

func (f *stray) Inject(ctx context.Context) (Moment, error) {
	m, err := strike(func() error {
		var b [1]byte
		if _, err := f.file.ReadAt(b[:], f.at); err != nil {
			return fmt.Errorf("fault: %s: %w", f.point.Name, err)
		}
		b[0] ^= 1 << f.bit
		if _, err := f.file.WriteAt(b[:], f.at); err != nil {
			return fmt.Errorf("fault: %s: %w", f.point.Name, err)
		}
		_, err := f.kill.Inject(ctx)
		return err
	})
	m.Exact = false // what a damaged word costs in time is no latency
	return m, err
}

func (f *stray) Wait(ctx context.Context) error { return f.kill.Wait(ctx) }

// Recover waits until what a damaged activation causes has come to pass, so
// that no event of it falls into the next fault's time.
func (f *stray) Recover(ctx context.Context) error {
	return pause(ctx, f.settle)
}

func (f *stray) Cleanup() {
	f.kill.Cleanup()
	if f.file != nil {
		_ = f.file.Close()
	}
}

// memfd opens the memfd of that name that a process has open for writing.
func memfd(pid int, name string) (*os.File, error) {
	held, err := probe.Descriptors(pid)
	if err != nil {
		return nil, fmt.Errorf("fault: %w", err)
	}
	for _, d := range held {
		if strings.TrimPrefix(d.Name, "/") == name && d.Writable() {
			return os.OpenFile(d.Path, os.O_RDWR, 0)
		}
	}
	return nil, errors.New("fault: pid " + fmt.Sprint(pid) + ": no " + name + " that can be written")
}
