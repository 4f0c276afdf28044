package sink

import "chronus/engine/sink/wavfile"

// wav is paced by the clock and writes exactly what a listener would hear.
var wav = &Kind{
	Name: "wav", Arg: "FILE", Player: LeanPlayer,
	File: &FileFormat{
		Create: func(path string, s Shape) (File, error) {
			return wavfile.Open(path, s.Rate, s.Channels, s.Frames)
		},
		Resume: func(path string, s Shape) (File, error) {
			return wavfile.Reopen(path, s.Rate, s.Channels, s.Frames)
		},
	},
}
