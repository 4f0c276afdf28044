// Package listener hears an engine as somebody at the loudspeaker does: it runs a PulseAudio server of its own, without hardware,
// records what that server plays, and holds the recording to what the engine says it delivered. The path through PulseAudio is
// transparent, so the recording is held to the very bits.
//
// It must not ask the engine what was heard, and it judges nothing.
package listener
