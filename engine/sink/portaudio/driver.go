//go:build linux && portaudio

package portaudio

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	pa "github.com/gordonklaus/portaudio"

	"chronus/engine/sink"
)

const (
	// lookEvery is how often the driver checks whether the device plays, has
	// fallen silent, or was handed the last block.
	lookEvery = 20 * time.Millisecond
	// retryEvery is the pause between two attempts to open a device that is not
	// there. An attempt itself takes half a second at worst, so a device that
	// comes back is heard within a second.
	retryEvery = 250 * time.Millisecond
	// openLimit and closeLimit are how long PortAudio may take before the
	// process ends itself: some calls never return once the sound server has
	// been stopped or has died.
	openLimit  = 5 * time.Second
	closeLimit = time.Second
	// drainLimit is closeLimit after the last block, when there is nothing left
	// to play.
	drainLimit = 200 * time.Millisecond
)

// Stuck is the exit code of a player in which a call of PortAudio did not
// return.
const Stuck = 75

// Drive is the player's driver.
func Drive(s sink.Stream) {
	d := &driver{Stream: s}
	for !d.done() {
		err := d.play()
		if d.Device.Over() || d.done() {
			return
		}
		d.lost(err)
		runtime.GC() // garbage collection is off, and this may go on for days
		d.pause(retryEvery)
	}
}

type driver struct {
	sink.Stream
	said string // the last reported reason why there is no device
}

func (d *driver) done() bool {
	select {
	case <-d.Done:
		return true
	default:
		return false
	}
}

func (d *driver) pause(t time.Duration) {
	select {
	case <-d.Done:
	case <-time.After(t):
	}
}

// lost reports why there is no device, unless that was the last thing it
// reported.
func (d *driver) lost(err error) {
	if why := err.Error(); why != d.said {
		d.said = why
		d.Report(sink.DeviceLost, why, 0)
	}
}

// errSilent is all that is seen here of a sound server that dies: it just stops
// calling.
var errSilent = errors.New("the device has stopped calling")

// play opens the device. It returns when the device is lost, with the reason,
// or has played the last block.
func (d *driver) play() error {
	d.Busy.Store(true)
	defer d.Busy.Store(true)
	var stream *pa.Stream
	var latency time.Duration
	var name string
	err := d.watched("opening the device", openLimit, func() (err error) {
		stream, name, latency, err = d.open()
		return err
	})
	if err != nil {
		_ = d.watched("ending PortAudio", closeLimit, pa.Terminate)
		return err
	}
	playing, limit := false, closeLimit
	for err == nil && !d.Device.Over() && !d.done() {
		time.Sleep(lookEvery)
		switch {
		case d.Device.Silent():
			err = errSilent
		case d.Device.Playing() && !playing:
			playing, d.said = true, ""
			d.Report(sink.DevicePlaying, name, latency)
			d.Busy.Store(true)
		case playing && !d.Device.Playing() && !d.Device.Over():
			err = errSilent // it fell silent and calls again, but no longer where it was
		}
	}
	if err == nil {
		time.Sleep(latency + 2*d.Block) // the last blocks are still in the device's buffer
		limit = drainLimit
	} else {
		d.lost(err) // first: a stopped sound server can hold up closing for ever
	}
	d.Device.Closed()
	_ = d.watched("closing the device", limit, func() error {
		if err == nil {
			_ = stream.Stop()
		} else {
			_ = stream.Abort()
		}
		_ = stream.Close()
		return pa.Terminate()
	})
	return err
}

// open initializes PortAudio and starts the device's stream. latency is what
// the device reports.
func (d *driver) open() (stream *pa.Stream, name string, latency time.Duration, err error) {
	if err := pa.Initialize(); err != nil {
		return nil, "", 0, fmt.Errorf("initialize: %w", err)
	}
	list, outputs, err := devices()
	if err != nil {
		return nil, "", 0, err
	}
	info, err := sink.Find(list, d.Name)
	if err != nil {
		return nil, "", 0, err
	}
	p := pa.StreamParameters{
		SampleRate: float64(d.Rate), FramesPerBuffer: d.Frames, Flags: pa.ClipOff | pa.DitherOff,
	}
	for i := range list {
		if list[i].Index == info.Index {
			p.Output = pa.StreamDeviceParameters{
				Device: outputs[i], Channels: min(2, info.Channels), Latency: sink.Latency(info, d.Block),
			}
		}
	}
	if stream, err = pa.OpenStream(p, d.call); err != nil {
		return nil, "", 0, fmt.Errorf("open %s at %d Hz: %w", info.Name, d.Rate, err)
	}
	d.Device.Opened(p.Output.Channels)
	if err := stream.Start(); err != nil {
		d.Device.Closed()
		_ = stream.Close()
		return nil, "", 0, fmt.Errorf("start %s: %w", info.Name, err)
	}
	return stream, info.Name, stream.Info().OutputLatency, nil
}

// call is PortAudio's callback.
func (d *driver) call(out []float32, _ pa.StreamCallbackTimeInfo, flags pa.StreamCallbackFlags) {
	d.Device.Call(out, flags&pa.OutputUnderflow != 0)
}

// watched calls f, and ends the process if f takes longer than limit: nothing
// in the process can be trusted then, and the host starts another.
func (d *driver) watched(what string, limit time.Duration, f func() error) error {
	timer := time.AfterFunc(limit, func() {
		if !d.done() && !d.Device.Over() {
			fmt.Fprintf(d.Log, "player pid %d: %s took longer than %s: a new player takes over\n",
				os.Getpid(), what, limit)
			os.Exit(Stuck)
		}
		os.Exit(0)
	})
	defer timer.Stop()
	return f()
}
