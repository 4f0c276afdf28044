// Package oracle holds what a run delivered to the truth: the reference render of the sealed commands, a ledger of the
// commands that were sent, and arithmetic of its own. It reads the tape and the WAV file of a run, both as streams, and
// must not talk to the engine, nor weigh anything: budgets and verdicts belong to the gate.
//
// # What is checked
//
// Each check is a named [Assertion] that counts its violations; the names are the constants of this package.
//
//   - The reference: every delivered block equals, bit for bit, an offline render ([tape.Replay]); the WAV file equals
//     the tape bit for bit.
//   - Completeness: compared frames are frames due. Nothing compared is a failure, not agreement.
//   - The closed form: the sound of the built-in patch sine against math.Sin at the exact rational phase. It shares no
//     code with the engine.
//   - The ledger: each command that was sent is found once and in order, in the log and in the delivered sound. It works
//     for the patches steps and heavy, whose sound is float32 of the module step's value and nothing else, so the sound
//     is read without rendering anything.
//   - The replicas: the checksums of every block, also of rings that were never heard.
//   - The seals: the player seals exactly as far ahead as it was told.
//
// # What the ledger excuses
//
// Nobody can hear a value that another one has replaced within the same block, and what is played while frames are lost,
// or faded by an ordered stop, says nothing about commands. Which commands those are follows from the log and the cutoffs on the tape; they are
// counted in [Result].Merged and [Result].Swallowed and are not missed in the sound. In the log they have to be.
package oracle
