package play

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"chronus/engine/clock"
	"chronus/engine/osc"
	"chronus/engine/sink/wavfile"
	"chronus/harness/record"
	"chronus/harness/schedule"
)

// commander sends commands: in a closed loop while faults are injected, or one
// at a time when a fault calls for it. Each has a value of its own, and the
// next is sent only when the last was heard in the growing sound file, or for
// so long was not that it is lost. So every command is heard alone, and the
// ledger can look for each of them.
type commander struct {
	client *osc.Client
	sound  *wavfile.Reader
	rng    *rand.Rand
	block  time.Duration
	quit   chan struct{}
	done   sync.WaitGroup
	sent   []record.Sent
}

const (
	commandAddress = "/mod/step/value"
	// Values are multiples of 1/commandSteps: each is an exact float32, and
	// none is 0, which is the patch's own.
	commandSteps = 1 << 20
	// lostLimit is when a command that is not heard counts as lost and the next
	// one is sent.
	lostLimit = time.Second
	// hearEvery is the interval at which the sound is read.
	hearEvery = 2 * time.Millisecond
	// gapBlocks bounds the random time between hearing a command and sending
	// the next.
	gapBlocks = 2
)

// startCommander prepares to send, and starts the loop where commands arrive
// all the time. A scenario without commands gets a commander that has nothing
// to do.
func (cfg *Config) startCommander(ctx context.Context, e *engine) (*commander, error) {
	s := cfg.Scenario
	c := &commander{quit: make(chan struct{}), block: e.block}
	if !s.Commands && !s.Commanded() {
		return c, nil
	}
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	if c.sound, err = wavfile.OpenReader(e.WAV()); err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	if c.client, err = osc.Dial(status.OSC); err != nil {
		c.sound.Close()
		return nil, err
	}
	c.rng = schedule.Rand(cfg.Seed, s.Name+" commands", cfg.Run)
	if s.Commands {
		c.done.Go(c.loop)
	}
	return c, nil
}

// stop ends the loop once its last command was heard, and returns all commands
// that were sent.
func (c *commander) stop() []record.Sent {
	close(c.quit)
	c.done.Wait()
	if c.client != nil {
		c.client.Close()
		c.sound.Close()
	}
	return c.sent
}

func (c *commander) loop() {
	for len(c.sent)+1 < commandSteps {
		if !c.pause(time.Duration(c.rng.Int64N(int64(gapBlocks*c.block)))) || c.Send() != nil {
			return // the oracle misses one that could not be sent
		}
		c.Hear()
	}
}

// Send sends the next command.
func (c *commander) Send() error {
	seq := len(c.sent) + 1
	value := float32(seq) / commandSteps
	c.sent = append(c.sent, record.Sent{Seq: seq, Value: float64(value), SentNS: clock.Now()})
	return c.client.Send(commandAddress, value)
}

// pause waits and reports whether to go on.
func (c *commander) pause(d time.Duration) bool {
	select {
	case <-c.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// Hear waits until the newest sample of the sound is the value that was sent
// last.
func (c *commander) Hear() {
	value := float32(c.sent[len(c.sent)-1].Value)
	newest := make([]float32, c.sound.Channels())
	for end := time.Now().Add(lostLimit); time.Now().Before(end); time.Sleep(hearEvery) {
		n, err := c.sound.Frames()
		if err != nil || n == 0 {
			continue
		}
		if _, err := c.sound.ReadFrames(newest, n-1); err == nil && newest[0] == value {
			return
		}
	}
}
