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
	// lookEvery is how often the driver looks whether the device plays, is silent or was handed the last block.
	lookEvery = 20 * time.Millisecond
	// retryEvery is the pause between two attempts to open a device that is not there. With what an attempt itself takes, half a
	// second at worst, a device that is back sounds within a second.
	retryEvery = 250 * time.Millisecond
	// openLimit and closeLimit are how long PortAudio may take before the process gives itself up: with a sound server that is
	// stopped, or that died, some calls never return.
	openLimit  = 5 * time.Second
	closeLimit = time.Second
	// drainLimit is the same after the last block, when nothing is left to be gained.
	drainLimit = 200 * time.Millisecond
)

// Stuck is the exit code of a player that a call of PortAudio did not return to.
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
		runtime.GC() // collection is off otherwise, and this may go on for days
		d.pause(retryEvery)
	}
}

type driver struct {
	sink.Stream
	said string // why there is no device, as last reported
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

// lost reports why there is no device, once for each reason.
func (d *driver) lost(err error) {
	if why := err.Error(); why != d.said {
		d.said = why
		d.Report(sink.DeviceLost, why, 0)
	}
}

// errSilent is how a sound server that dies looks from here: it just does not call any more.
var errSilent = errors.New("the device has stopped calling")

// play opens the device and returns when it is lost, with the reason, or has played the last block.
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
			err = errSilent // it fell silent, and calls again: not where it was
		}
	}
	if err == nil { // what was handed out is still in its buffer
		time.Sleep(latency + 2*d.Block)
		limit = drainLimit
	} else { // before it is closed, which a sound server that is stopped can hold up for good
		d.lost(err)
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

// open initializes PortAudio and starts the device's stream. latency is the device's own word.
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
	p := pa.StreamParameters{SampleRate: float64(d.Rate), FramesPerBuffer: d.Frames, Flags: pa.ClipOff | pa.DitherOff}
	for i := range list {
		if list[i].Index == info.Index {
			p.Output = pa.StreamDeviceParameters{Device: outputs[i], Channels: min(2, info.Channels), Latency: sink.Latency(info, d.Block)}
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

// watched ends the process when f takes longer than limit: nothing in it can be trusted then, and the host starts another.
func (d *driver) watched(what string, limit time.Duration, f func() error) error {
	timer := time.AfterFunc(limit, func() {
		if !d.done() && !d.Device.Over() {
			fmt.Fprintf(d.Log, "player pid %d: %s took longer than %s: a new player goes on\n", os.Getpid(), what, limit)
			os.Exit(Stuck)
		}
		os.Exit(0)
	})
	defer timer.Stop()
	return f()
}
