package fault

import "regexp"

// Spec orders a fault. Its zero fields are not given; a kind refuses every
// parameter that it does not take.
type Spec struct {
	Kind   string         // a name of the registry
	Target string         // primary, standby, both, spare or player; empty for a kind without victims
	Points *regexp.Regexp // names of the failpoints to pass, one per fault
	Words  *regexp.Regexp // names of the words to flip the bits of, one per fault
	Hold   int            // blocks for which the host stays stopped
}

// Parameter is a field of Spec that only some kinds take. It is defined in the
// file of its kind.
type Parameter struct {
	Name  string // as a scenario's file has it
	Needs string // completes "fault x needs" where Valid returns false
	Given func(Spec) bool
	Valid func(Spec) bool
}
