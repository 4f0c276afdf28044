// Package dsp is the sound itself: modules that step over a flat state, and the program that runs a patch of them block by block.
//
// It must never allocate, block, read a clock, range over a map or depend on the machine inside Render: every replica of a
// program has to make the same bits. Products that are added to something are therefore written float64(x*y)+z, which forbids
// a fused multiply-add (also where the product was given a name first), and nothing here calls math.Exp, math.Sin or their like,
// whose results differ between processors.
// It imports only a little of the standard library, since workers link it and their time to start is part of a failover.
//
// # State
//
// The whole state of a program is one []uint64, the arena, of at most [MaxWords] words; it is copied to save it and copied
// back to go on from it. A module owns consecutive words: its parameters in the order of [Kind].Params, each a float64 by its
// IEEE 754 bits, then its state words. The modules follow each other in the order of [Program].Ops. The address of a
// parameter is its word's index. Behind the modules the timed commands wait, at most [MaxTimed], so that who goes on from a
// saved state has them too; last come the limiter's words. Everything else in a Program is scratch that each block writes before
// reading it.
//
// # Commands do not click
//
// Where a parameter that jumps would make the sound jump, the module glides to it within 10 ms (glide.go). What is heard before the
// first command and after a glide has ended has the bits that it has without any glides. The exceptions: const is exact at once, a
// sine's phase runs on whatever its frequency does, and one noise is as good as another.
//
// # Signals
//
// Modules hand each other blocks of float64; only what leaves the program is limited, as a last
// resort (limiter.go), and rounded, once, to float32.
package dsp
