package oracle

import "fmt"

// Names of the assertions, as they appear in reports and in this order. An
// assertion that does not apply to a run is left out: there is no WAV file, for
// example, or the run plays another patch.
const (
	Tape             = "tape"                // records that are damaged, missing at the end, or contradictory
	Compared         = "compared"            // frames due that were not compared; 1 if none were
	WrongFrames      = "wrong-frames"        // frames that differ: tape from reference, WAV file from tape
	WAVLength        = "wav-length"          // frames by which the WAV file is too short or too long
	LostFrames       = "lost-frames"         // frames of blocks that no ring had when they were due
	DupBlocks        = "dup-blocks"          // blocks delivered again
	GapBlocks        = "gap-blocks"          // blocks due that were never delivered
	RewoundBlocks    = "rewound-blocks"      // delivered blocks whose state was given up afterwards
	ReplicasDisagree = "replicas-disagree"   // blocks whose checksums differ
	SealLead         = "seal-lead"           // blocks at whose end not exactly Lead blocks were sealed ahead
	ClosedForm       = "closed-form"         // frames more than one float32 ulp from the sine
	CommandsLost     = "commands-lost"       // commands missing from the log or from the sound
	CommandsDup      = "commands-duplicated" // commands found again, in the log or in the sound
	CommandsMisorder = "commands-misordered" // commands found after a later one
	CommandsUnknown  = "commands-unknown"    // log records and blocks with a value that was never sent
	CommandsOffEdge  = "commands-off-edge"   // blocks in which a value changes after the first frame
)

// nameWidth aligns the lines that String returns.
const nameWidth = len(CommandsDup)

// Assertion is one check.
type Assertion struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`           // violations; 0 if it holds
	First string `json:"first,omitempty"` // the first violation, one line
}

// Failed reports whether the assertion is violated.
func (a Assertion) Failed() bool { return a.Count > 0 }

// String returns the assertion as one line.
func (a Assertion) String() string {
	if !a.Failed() {
		return fmt.Sprintf("%-*s ok", nameWidth, a.Name)
	}
	return fmt.Sprintf("%-*s %d: %s", nameWidth, a.Name, a.Count, a.First)
}

// violated adds n violations. describe is called only for the first of them:
// runs that go wrong tend to do so a million times.
func (a *Assertion) violated(n uint64, describe func() string) {
	if n > 0 && a.Count == 0 {
		a.First = describe()
	}
	a.Count += n
}
