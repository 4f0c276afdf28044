package portaudio

import (
	"regexp"
	"strings"
)

// reasons are the lines of the libraries below PortAudio that say why a device
// cannot be opened, and what they come to.
var reasons = []struct {
	line *regexp.Regexp
	why  string // $1 is the library's own word
}{
	{regexp.MustCompile(`PulseAudio: Unable to connect: (.+)`), "PulseAudio: $1"},
	{regexp.MustCompile(`PulseAudio: Unable to create stream: (.+)`), "PulseAudio: $1"},
	{regexp.MustCompile(`(?i)device or resource busy`), "the device is busy: another program has it"},
	{regexp.MustCompile(`(?i)cannot open device (/dev/snd/\S+): Permission denied`), "$1: permission denied"},
	{regexp.MustCompile(`pw_context_connect\S*.*: (.+)`), "PipeWire: $1"},
	{regexp.MustCompile(`Cannot connect to server socket err = (.+)`), "JACK: $1"},
}

// reason returns why a device cannot be opened, out of what the libraries have
// written to stderr: one line, or "" if none of theirs is about that. What one
// library says of the only server it was told to use comes before what another
// says of a server that nobody asked for.
func reason(stderr string) string {
	for _, r := range reasons {
		for line := range strings.SplitSeq(stderr, "\n") {
			if at := r.line.FindStringSubmatchIndex(line); at != nil {
				return strings.TrimSpace(string(r.line.ExpandString(nil, r.why, line, at)))
			}
		}
	}
	return ""
}
