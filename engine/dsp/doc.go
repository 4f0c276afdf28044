// Package dsp is the sound itself: modules that step over a flat state, and the
// program that renders a patch of them block by block.
//
// Every replica of a program must make the same bits. Render therefore must not
// allocate, block, read a clock, range over a map or depend on the machine.
// A product that is added to something is written float64(x*y)+z, even if the
// product was assigned to a variable first, because the conversion forbids
// a fused multiply-add. Nothing here calls math.Exp, math.Sin or the like,
// whose results differ between CPUs. The package imports only a small part of
// the standard library: workers link it, and the time they take to start is
// part of a failover.
//
// # State
//
// The whole state of a program is one []uint64, the arena, of at most
// [MaxWords] words. Copying it saves the state; copying it back restores it.
// A module owns consecutive words: first its parameters in the order of
// [Kind].Params, each a float64 as IEEE 754 bits, then its state words. Modules
// are laid out in the order of [Program].Ops. The address of a parameter is the
// index of its word. After the modules come the pending timed commands, at most
// [MaxTimed], so that a worker which continues from a saved state has them too,
// and then the words of the limiter. Everything else in a Program is scratch
// that each block writes before reading it.
//
// # Commands do not click
//
// Where a jump of a parameter would make the sound jump, the module glides to
// the new value within 10 ms (glide.go). Before the first command, and once a
// glide has ended, the output has the same bits as without glides. There are
// three exceptions: const takes its value at once and exactly, the phase of a
// sine runs on through any change of frequency, and noise that switches to
// another seed is still noise, without a click.
//
// # Signals
//
// Modules pass each other blocks of float64. Only what leaves the program is
// limited, as a last resort (limiter.go), and rounded, once, to float32.
//
// # A new kind
//
// A kind is one file, such as gain.go, with its [Kind] and its step function,
// and one entry in the list kinds. The patch file's keys, the OSC addresses,
// the property tests and the table in the README all follow from that.
package dsp

//go:generate go test . -run TestReadmeHasTheTableOfKinds -update
