// Package portaudio drives a sound device through PortAudio: it finds and opens
// the device, notices when it is lost, and reopens it. It must not decide what
// is heard: its callback is sink.Device.Call and nothing else.
//
// It needs cgo, PortAudio's headers and the build tag portaudio. Every call of
// PortAudio that may hang is watched: a process that hangs in one ends itself,
// and the host starts another.
package portaudio
