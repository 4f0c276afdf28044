package listener

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
)

// frameSize is the size of a frame of the recording in bytes.
const frameSize = 4 * Channels

// Recorder records everything that a server plays, including silence, as
// little-endian 32-bit floats without a header.
type Recorder struct {
	path string
	proc *process
}

// Record begins a recording in a file, which it replaces, and returns once the
// recording has begun: it will contain everything that is played from then on.
// Stop must be called.
func (p *Pulse) Record(path string) (*Recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	defer file.Close()
	// The latency is how much the server collects before it passes it on.
	cmd := exec.Command(recorderProgram, "--raw", "--device=null.monitor", "--format=float32le",
		"--latency-msec=100", "--rate="+strconv.Itoa(Rate), "--channels="+strconv.Itoa(Channels))
	cmd.Env = append(p.env(), "PULSE_SERVER="+p.Address())
	cmd.Stdout = file
	r := &Recorder{path: path}
	if r.proc, err = start(cmd); err != nil {
		return nil, err
	}
	if err := r.proc.until(startLimit, func() bool { return r.frames() > 0 }); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

func (r *Recorder) frames() int64 {
	st, err := os.Stat(r.path)
	if err != nil {
		return 0
	}
	return st.Size() / frameSize
}

// trail is the silence, in frames, after which no more sound will come: longer
// than all the buffers between the engine and the recording.
const trail = Rate / 2

// Quiet waits until the recording ends in silence; everything that was played
// before is then in it. The engine must have ended.
func (r *Recorder) Quiet() error {
	return r.proc.until(startLimit, r.quiet)
}

func (r *Recorder) quiet() bool {
	n := r.frames()
	if n < trail {
		return false
	}
	file, err := os.Open(r.path)
	if err != nil {
		return false
	}
	defer file.Close()
	end := make([]byte, trail*frameSize)
	if _, err := file.ReadAt(end, (n-trail)*frameSize); err != nil {
		return false
	}
	for _, b := range end {
		if b != 0 {
			return false
		}
	}
	return true
}

// Stop ends the recording. What the server has not yet passed on is not in it:
// see Quiet.
func (r *Recorder) Stop() { r.proc.kill() }

// ReadRecording reads what a Recorder wrote: interleaved samples of Channels
// channels.
func ReadRecording(path string) ([]float32, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	sound := make([]float32, len(text)/frameSize*Channels) // the last frame may be incomplete
	for i := range sound {
		sound[i] = math.Float32frombits(binary.LittleEndian.Uint32(text[4*i:]))
	}
	return sound, nil
}
