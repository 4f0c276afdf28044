// Package oracle compares what a run delivered with the truth. It reads the
// tape and the WAV file of a run, both as streams, and counts every frame,
// block and command that is not what it must be. It must not talk to the
// engine, and it does not weigh what it finds: budgets and verdicts belong to
// the gate.
//
// # What is checked
//
// Each check is a named [Assertion] that counts its violations. The constants
// of this package are the names.
//
//   - The reference. Every delivered block equals, bit for bit, an offline
//     render of the sealed commands ([tape.Replay]), and the WAV file equals
//     the tape bit for bit.
//   - Completeness. As many frames are compared as are due. A run of which
//     nothing was compared fails: that is not agreement.
//   - The closed form. The sound of the built-in patch sine is compared with
//     math.Sin at the exact rational phase. This check shares no code with the
//     engine.
//   - The ledger. Each command that was sent is found once and in order, both
//     in the log and in the delivered sound. This works for the patches steps
//     and heavy: their sound is the value of the module step, rounded to
//     float32, and nothing else, so it can be read without rendering anything.
//   - The replicas. The checksums of every block agree in all rings, including
//     those that were never heard.
//   - The seals. The player seals exactly as far ahead as it was configured to.
//
// # What the ledger excuses
//
// A value that another command replaces within the same block cannot be heard.
// What is played while frames are lost, or while an ordered stop fades the
// sound, shows nothing about commands. Which commands are affected follows from
// the log and the cutoffs on the tape. [Result].Merged and [Result].Swallowed
// count them; they need not be found in the sound, but they must be in the log.
package oracle
