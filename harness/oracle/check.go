package oracle

import (
	"errors"
	"fmt"
	"io"

	"chronus/engine/patch"
	"chronus/engine/sink/wavfile"
	"chronus/engine/tape"
)

// Run names the files that a run of the engine left behind, and lists the
// commands that were sent to it.
type Run struct {
	Tape string // path
	// WAV is the path of the file that the wav sink wrote. If it is empty, the
	// run had another sink, and the sound is taken from the tape, which is only
	// the engine's own account of it.
	WAV string
	// Sent lists, in order, the commands that were sent to the module step of
	// the patches steps and heavy.
	Sent []Sent
	// Unfinished is set if the host was killed: the tape need not have an end
	// record, and the WAV file may be longer than the tape.
	Unfinished bool
}

// Sent is one command as the harness sent it, to the parameter value of the
// module step. The values of a run differ from each other and from the patch's
// own, as float32.
type Sent struct {
	Seq    int // names the command in messages
	Value  float64
	SentNS int64 // just before the datagram was sent, CLOCK_MONOTONIC
}

// Result is what Check found.
type Result struct {
	Header     tape.Header
	Replay     tape.Result
	Assertions []Assertion
	Due        uint64 // frames of all blocks from 0 to the last one on the tape, except lost ones
	Compared   uint64 // frames compared with the reference
	WAVFrames  uint64 // length of the WAV file
	Closed     uint64 // frames compared with the closed form
	// CommandNS holds for each of Run.Sent the time (ns) from SentNS to the
	// entry of the callback that delivered the first block with its value, or
	// -1 if the value was not heard.
	CommandNS []int64
	Merged    int         // commands replaced by a later one within their block, which cannot be heard
	Swallowed int         // commands replaced while frames were lost, which cannot be heard
	Index     []Delivered // every block record on the tape, in its order
}

// Failed returns the assertions that do not hold.
func (r *Result) Failed() []Assertion {
	var out []Assertion
	for _, a := range r.Assertions {
		if a.Failed() {
			out = append(out, a)
		}
	}
	return out
}

// Assertion returns the assertion of a name, or false if it did not apply to
// the run.
func (r *Result) Assertion(name string) (Assertion, bool) {
	for _, a := range r.Assertions {
		if a.Name == name {
			return a, true
		}
	}
	return Assertion{}, false
}

// Check reads the files of a run and compares them with the truth. The result
// holds what the engine did wrong, as assertions. An error means that nothing
// can be concluded: a file cannot be opened or read, the files do not belong
// together, the patch does not compile, or run itself is invalid.
//
// The tape is read twice, first for the records alone and then to be rendered.
// Memory grows with the number of blocks (40 bytes each, for the Index) and of
// commands, not with the size of the files.
func Check(run Run) (*Result, error) {
	c, err := open(run)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	defer c.close()
	if err := c.survey(); err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	if err := c.listen(); err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	c.conclude()
	return &c.res, nil
}

// check is one call of Check.
type check struct {
	run    Run
	comp   *patch.Compiled
	wav    *wavfile.Reader // nil if there is none
	ledger *ledger         // nil for a patch without one
	closed *closedForm     // nil for another patch, and if there were commands
	log    uint64          // commands on the tape
	due    uint64          // blocks from 0 to the last one on the tape
	played uint64          // the last delivered block, plus one
	back   string          // describes the first block that continues from before played
	fades  uint64          // blocks that an ordered stop faded
	faded  bool            // whether the last block is one of them
	res    Result

	tape, compared, wrong, wavLength, lost, dup, gap, rewound, disagree, seal Assertion
}

func open(run Run) (c *check, err error) {
	c = &check{
		run:  run,
		tape: Assertion{Name: Tape}, compared: Assertion{Name: Compared}, wrong: Assertion{Name: WrongFrames},
		wavLength: Assertion{Name: WAVLength}, lost: Assertion{Name: LostFrames}, dup: Assertion{Name: DupBlocks},
		gap: Assertion{Name: GapBlocks}, rewound: Assertion{Name: RewoundBlocks},
		disagree: Assertion{Name: ReplicasDisagree}, seal: Assertion{Name: SealLead},
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	r, err := tape.Open(run.Tape)
	if err != nil {
		return c, err
	}
	defer r.Close()
	h := r.Header()
	c.res.Header = h
	p, err := patch.Parse(h.Patch, []byte(h.PatchText))
	if err != nil {
		return c, fmt.Errorf("%s: %w", run.Tape, err)
	}
	if c.comp, err = p.Compile(h.Rate, h.Frames); err != nil {
		return c, fmt.Errorf("%s: %w", run.Tape, err)
	}
	if c.ledger, err = newLedger(h, c.comp, run.Sent); err != nil {
		return c, err
	}
	if run.WAV == "" {
		return c, nil
	}
	if c.wav, err = wavfile.OpenReader(run.WAV); err != nil {
		return c, err
	}
	if c.wav.Rate() != h.Rate || c.wav.Channels() != h.Channels {
		return c, fmt.Errorf("%s has %d channels at %d Hz, %s has %d at %d Hz",
			run.WAV, c.wav.Channels(), c.wav.Rate(), run.Tape, h.Channels, h.Rate)
	}
	n, err := c.wav.Frames()
	c.res.WAVFrames = uint64(n)
	return c, err
}

func (c *check) close() {
	if c.wav != nil {
		_ = c.wav.Close() // it was only read
	}
}

// survey reads the records alone and checks each by itself and against the
// others.
func (c *check) survey() error {
	r, err := tape.Open(c.run.Tape)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if err != nil {
			c.res.Due = c.frames(c.due) - c.lost.Count
			return c.ended(err)
		}
		switch rec := rec.(type) {
		case *tape.Command:
			c.log++
			if c.ledger != nil {
				c.ledger.logged(rec)
			}
		case *tape.Block:
			c.record(rec)
		}
	}
}

func (c *check) frames(blocks uint64) uint64 { return blocks * uint64(c.res.Header.Frames) }

// record checks one block record by itself, and its number.
func (c *check) record(b *tape.Block) {
	c.res.Index = append(c.res.Index,
		Delivered{b.Block, b.EntryNS, b.ReturnNS, b.Slot, b.Generation, b.Flags})
	if want := b.Block + 1 + uint64(c.res.Header.Lead); b.Sealed != want {
		c.seal.violated(1, func() string {
			return fmt.Sprintf("block %d: %d blocks sealed, not %d", b.Block, b.Sealed, want)
		})
	}
	if same, _ := b.Agree(); !same {
		c.disagree.violated(1, func() string {
			return fmt.Sprintf("block %d: played %016x, the rings have %016x", b.Block, b.Sum, b.Sums)
		})
	}
	lost := b.Flags&tape.FlagLost != 0
	if !lost && (b.Slot < 0 || int(b.Slot) >= c.res.Header.Slots) || lost && b.Slot != -1 {
		c.tape.violated(1, func() string {
			return fmt.Sprintf("block %d: slot %d of %d, lost: %t", b.Block, b.Slot, c.res.Header.Slots, lost)
		})
	}
	if b.Block < c.due {
		c.dup.violated(1, func() string { return fmt.Sprintf("block %d again, block %d is due", b.Block, c.due) })
		return
	}
	c.gap.violated(b.Block-c.due, func() string {
		return fmt.Sprintf("block %d where block %d is due", b.Block, c.due)
	})
	c.due = b.Block + 1
	if b.Prev < c.played && c.back == "" {
		c.back = fmt.Sprintf("block %d continues from before block %d, although block %d had been delivered",
			b.Block, b.Prev, c.played-1)
	}
	if lost {
		c.lost.violated(c.frames(1), func() string { return fmt.Sprintf("block %d", b.Block) })
	} else {
		c.played = b.Block + 1
	}
	if c.faded {
		c.wrong.violated(c.frames(1), func() string {
			return fmt.Sprintf("block %d follows a faded block", b.Block)
		})
	}
	c.faded = b.Flags&tape.FlagFade != 0
	if c.faded && !lost {
		c.fades++
	}
	if c.ledger != nil {
		c.ledger.sealed(b.Cutoff, lost || c.faded)
	}
}

// ended takes the error with which the reading of a tape ends. Damage is the
// engine's fault and a violation; a disk that cannot be read is an error.
func (c *check) ended(err error) error {
	var corrupt *tape.CorruptError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, tape.ErrUnfinished) && c.run.Unfinished:
		return nil
	case errors.Is(err, tape.ErrUnfinished), errors.As(err, &corrupt):
		c.tape.violated(1, err.Error)
		return nil
	}
	return err
}
