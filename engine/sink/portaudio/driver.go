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
	// longestPause is that between two attempts at a device that is no clock
	// with any buffer, and between two looks for one that was never there.
	longestPause = 5 * time.Second
	// shareOfLooking is how many times as long as a look for a device the pause
	// after it is, as long as none has played: a look takes 20 to 70 ms of a
	// CPU, and half a second with a configuration of ALSA that probes every
	// card.
	shareOfLooking = 30
	// openLimit and closeLimit are how long PortAudio may take: some calls
	// never return once the sound server has been stopped or has died.
	openLimit  = 5 * time.Second
	closeLimit = time.Second
	// drainLimit is closeLimit after the last block, when there is nothing left
	// to play.
	drainLimit = 200 * time.Millisecond
	// returnLimit is how long a call that hangs may take to return once the
	// sound system answers again.
	returnLimit = 500 * time.Millisecond
	// latencyStep is the least change of a stream's latency that is reported.
	latencyStep = time.Millisecond
)

// Stuck is the exit code of a player in which a call of PortAudio did not
// return.
const Stuck = 75

// Drive is the player's driver.
//
// A device that could not be opened is looked for in a process of its own,
// which may hang or crash without harm, until it is there. The player is left
// alone meanwhile: each one that has to be replaced delays the music by the
// time that its successor takes to start.
func Drive(s sink.Stream) {
	d := &driver{Stream: s}
	look := s.Options.Wait
	for !d.done() {
		began := time.Now()
		var err error
		if look {
			err = d.look()
		}
		looked := time.Since(began)
		if err == nil {
			err = d.play()
			look = !errors.Is(err, errSilent) && !isNotAClock(err)
		}
		if d.Device.Over() || d.done() {
			return
		}
		if !d.told {
			d.lost(err)
		}
		d.told = false
		runtime.GC() // garbage collection is off, and this may go on for days
		d.Busy.Store(true)
		pause := retryEvery
		switch {
		case isNotAClock(err):
			d.attempts++
			if d.attempts > sink.MaxAttempts {
				pause = longestPause
			}
		case !d.played:
			pause = min(max(pause, shareOfLooking*looked), longestPause)
		}
		d.pause(pause)
	}
}

type driver struct {
	sink.Stream
	said     error // the last reported reason why there is no device
	told     bool  // play has reported why it returns
	played   bool  // a device has played
	attempts int   // at streams that were no clock, since the last that was
}

func isNotAClock(err error) bool {
	var not *sink.NotAClock
	return errors.As(err, &not)
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
	if !sink.SameReason(err, d.said) {
		d.said = err
		var rate *sink.RateError
		if errors.As(err, &rate) {
			d.Report(sink.DeviceRate, rate.Device, time.Duration(rate.Rate))
			return
		}
		d.Report(sink.DeviceLost, err.Error(), 0)
	}
}

// errSilent is all that is seen here of a sound server that dies: it just stops
// calling.
var errSilent = errors.New("the device has stopped calling")

// stream is an open stream.
type stream struct {
	*pa.Stream
	name    string
	latency time.Duration // as the device reports it
	jack    int           // size of the JACK server's buffer, frames; 0: no stream of JACK
}

// play opens the device. It returns when the device is lost, with the reason,
// or has played the last block.
func (d *driver) play() error {
	d.Busy.Store(true)
	defer d.Busy.Store(true)
	var s stream
	err := d.watched("opening the device", openLimit, func() (err error) {
		s, err = d.open()
		return err
	})
	if err != nil {
		_ = d.watched("ending PortAudio", closeLimit, pa.Terminate)
		return err
	}
	playing, limit := false, closeLimit
	for err == nil && !d.Device.Over() && !d.done() {
		time.Sleep(lookEvery)
		bound()
		switch {
		case d.Device.Silent():
			err = errSilent
		case d.Device.Wrong() != nil:
			err = d.Device.Wrong()
		case d.Device.Playing() && !playing:
			playing, d.played, d.said = true, true, nil
			d.Report(sink.DevicePlaying, s.name, s.latency)
			d.Busy.Store(true)
		case playing && !d.Device.Playing() && !d.Device.Over():
			err = errSilent // it fell silent and calls again, but no longer where it was
		case playing:
			d.follow(&s)
		}
	}
	if err == nil {
		// The last blocks are still in the device's buffer.
		time.Sleep(s.latency + 2*d.Block)
		limit = drainLimit
	} else {
		d.lost(err) // first: a stopped sound server can hold up closing for ever
		d.told = true
	}
	d.Device.Closed()
	_ = d.watched("closing the device", limit, func() error {
		if err == nil {
			_ = s.Stop()
		} else {
			_ = s.Abort()
		}
		_ = s.Close()
		return pa.Terminate()
	})
	return err
}

// follow reports a latency that has changed while the stream plays, as it does
// when a JACK server is given another buffer size.
func (d *driver) follow(s *stream) {
	latency := sink.Possible(s.Info().OutputLatency)
	if s.jack > 0 {
		grown := jackBuffer() - s.jack
		latency = s.latency + time.Duration(grown)*time.Second/time.Duration(d.Rate)
		s.jack += grown
	}
	if latency <= 0 || (latency-s.latency).Abs() < latencyStep {
		return
	}
	s.latency = latency
	d.Device.Holds(latency)
	d.Busy.Store(true)
	d.Report(sink.DeviceChanged, s.name, latency)
}

// open initializes PortAudio and starts the device's stream.
func (d *driver) open() (s stream, err error) {
	forget()
	if err := pa.Initialize(); err != nil {
		return s, fmt.Errorf("initialize: %w", err)
	}
	list, outputs, err := devices()
	if err != nil {
		return s, err
	}
	info, err := sink.Find(list, d.Name)
	if err != nil {
		return s, because(err)
	}
	if err := info.Plays(d.Rate); err != nil {
		return s, err
	}
	width, places, err := d.Options.Width(info.Name, info.Channels, d.Channels)
	if err != nil {
		return s, err
	}
	p := pa.StreamParameters{
		SampleRate: float64(d.Rate), FramesPerBuffer: d.Frames, Flags: pa.ClipOff | pa.DitherOff,
	}
	for i := range list {
		if list[i].Index == info.Index {
			p.Output = pa.StreamDeviceParameters{
				Device: outputs[i], Channels: width, Latency: d.Options.Ask(info, d.Block, d.attempt()),
			}
		}
	}
	s.name = info.Name
	if s.Stream, err = pa.OpenStream(p, d.call); err != nil {
		if errors.Is(err, pa.InvalidSampleRate) {
			return s, fmt.Errorf("%s does not play at %d Hz: start the engine with --rate %.0f", info.Name, d.Rate, info.Rate)
		}
		return s, because(fmt.Errorf("open %s at %d Hz: %w", info.Name, d.Rate, err))
	}
	s.latency = sink.Possible(s.Info().OutputLatency)
	if info.FixedRate {
		s.jack = jackBuffer()
	}
	d.Device.Opened(sink.Opening{
		Channels: width, Map: places, Latency: max(p.Output.Latency, s.latency), Prove: d.attempts > 0,
	})
	if err := s.Start(); err != nil {
		d.Device.Closed()
		_ = s.Close()
		return s, because(fmt.Errorf("start %s: %w", info.Name, err))
	}
	return s, nil
}

// attempt is the number of the buffer to try: all sizes in turn.
func (d *driver) attempt() int { return d.attempts % (sink.MaxAttempts + 1) }

// call is PortAudio's callback.
func (d *driver) call(out []float32, _ pa.StreamCallbackTimeInfo, flags pa.StreamCallbackFlags) {
	d.Device.Call(out, flags&pa.OutputUnderflow != 0)
}

// watched calls f. If f takes longer than limit, the sound system hangs, which
// is reported. As soon as it answers another process while f still hangs,
// nothing in this process can be trusted: it ends itself, and the host starts
// another. With nothing left to play, it ends at once.
func (d *driver) watched(what string, limit time.Duration, f func() error) error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	select {
	case err := <-result:
		return err
	case <-time.After(limit):
	}
	if !d.done() && !d.Device.Over() {
		d.lost(fmt.Errorf("%s takes longer than %s: the sound system does not answer", what, limit))
	}
	for !d.done() && !d.Device.Over() {
		wait := retryEvery
		answers := d.look() == nil
		if answers {
			wait = returnLimit
		}
		select {
		case err := <-result:
			return err
		case <-d.Done:
		case <-time.After(wait):
			if answers && !d.Device.Over() {
				fmt.Fprintf(d.Log, "%s takes longer than %s: a new player takes over\n", what, limit)
				os.Exit(Stuck)
			}
		}
	}
	os.Exit(0)
	return nil
}
