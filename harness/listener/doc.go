// Package listener hears an engine as a person in front of the loudspeaker
// does. It runs a PulseAudio server of its own without hardware, records what
// that server plays, and compares the recording with the sound that the engine
// reports as delivered. The path through PulseAudio is transparent, so the
// comparison is bit for bit.
//
// It must not ask the engine what was heard, and it judges nothing.
package listener
