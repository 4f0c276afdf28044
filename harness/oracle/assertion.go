package oracle

import "fmt"

// Names of the assertions, as they appear in reports. They come in this order; one that does not apply to a run (there is
// no WAV file, the patch is another one) is left out.
const (
	Tape             = "tape"                // records that are damaged, missing at the end, or contradict each other
	Compared         = "compared"            // frames due that were not compared; 1 when nothing was
	WrongFrames      = "wrong-frames"        // frames that differ from the reference, or in the WAV file from the tape
	WAVLength        = "wav-length"          // frames that the WAV file has too few or too many
	LostFrames       = "lost-frames"         // frames of blocks that no ring had in time
	DupBlocks        = "dup-blocks"          // blocks delivered again
	GapBlocks        = "gap-blocks"          // blocks due that were not delivered at all
	RewoundBlocks    = "rewound-blocks"      // delivered blocks whose state was given up afterwards
	ReplicasDisagree = "replicas-disagree"   // blocks whose checksums differ
	SealLead         = "seal-lead"           // blocks at whose end not exactly Lead blocks were sealed ahead
	ClosedForm       = "closed-form"         // frames over one float32 ulp from the sine
	CommandsLost     = "commands-lost"       // commands missing in the log or in the sound
	CommandsDup      = "commands-duplicated" // commands found again, in the log or in the sound
	CommandsMisorder = "commands-misordered" // commands found after a later one
	CommandsUnknown  = "commands-unknown"    // log records and blocks of sound with a value that nobody sent
	CommandsOffEdge  = "commands-off-edge"   // blocks in which a value changes after the first frame
)

// nameWidth aligns the lines of String.
const nameWidth = len(CommandsDup)

// Assertion is one check.
type Assertion struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`           // violations; 0: it holds
	First string `json:"first,omitempty"` // the first violation, one line
}

// Failed says whether anything violates it.
func (a Assertion) Failed() bool { return a.Count > 0 }

func (a Assertion) String() string {
	if !a.Failed() {
		return fmt.Sprintf("%-*s ok", nameWidth, a.Name)
	}
	return fmt.Sprintf("%-*s %d: %s", nameWidth, a.Name, a.Count, a.First)
}

// violated adds n violations. describe is only called for the first: runs that go wrong tend to do so by the million.
func (a *Assertion) violated(n uint64, describe func() string) {
	if n > 0 && a.Count == 0 {
		a.First = describe()
	}
	a.Count += n
}
