package listener

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
)

// frameSize is that of a frame of the recording in bytes.
const frameSize = 4 * Channels

// Recorder records all that a server plays, silence included, as little-endian 32-bit floats without a header.
type Recorder struct {
	path string
	proc *process
}

// Record begins a recording, replacing a file of that name, and returns when it has begun: whatever is played from then on is in
// it. Stop must be called.
func (p *Pulse) Record(path string) (*Recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	defer file.Close()
	// Latency is how much the server gathers before it hands it on.
	cmd := exec.Command(recorderProgram, "--raw", "--device=null.monitor", "--format=float32le", "--latency-msec=100",
		"--rate="+strconv.Itoa(Rate), "--channels="+strconv.Itoa(Channels))
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

// trail is the silence after which nothing more is to come: more than any buffer between the engine and the recording holds.
const trail = Rate / 2 // frames

// Quiet waits until the recording ends in silence: what was played before is all in it then. An engine must have ended.
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

// Stop ends the recording. Whatever the server has not yet handed on is not in it: see Quiet.
func (r *Recorder) Stop() { r.proc.kill() }

// ReadRecording reads what a Recorder wrote: frames x Channels samples, interleaved.
func ReadRecording(path string) ([]float32, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	sound := make([]float32, len(text)/frameSize*Channels) // its last frame may be cut off
	for i := range sound {
		sound[i] = math.Float32frombits(binary.LittleEndian.Uint32(text[4*i:]))
	}
	return sound, nil
}
