// Package player is the player process: its callback picks a ring for each
// block, hands the samples to the sink, seals the blocks ahead and wakes the
// workers. It must not render, nor wait for a process that may be dead.
// Whatever asks it for blocks, a device or the clock in its stead, is the clock
// of the whole engine.
//
// The callback is wait-free except for one bounded wait: when no ring has the
// block yet, it waits until the call has used half a block's time. It allocates
// nothing, takes no lock, logs nothing, and makes no system call but futex and
// the clock read. What the host needs to hear of leaves through a ring of
// events in the player's region. Files and devices belong to other threads of
// the process: a sound file is written from the region behind the callback
// (soundfile.go), and a device is opened by a sink.Driver, which only one of
// the executables brings.
package player

import (
	"sync/atomic"

	"chronus/engine/clock"
	"chronus/engine/dsp"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// Player is the state of the callback. Its methods belong to the thread that
// calls back, except Stop, which any thread may call.
type Player struct {
	roster.Roster
	fold   uint64
	reader *ring.Reader
	record shm.LogRecord
	said   restated
	block  int64 // length of a block, ns
	late   int64 // ns from a block's seal after which it is late

	next     uint64
	buf      []float32
	header   shm.EntryHeader
	spare    []float32 // a copy that is not heard, and its header
	other    shm.EntryHeader
	last     []float32 // last frame handed out, one sample per channel
	sealedAt [sealedMemory]int64
	seals    [sealedMemory]sealedBlock // of the blocks to come
	// What each ring had published when the callback last looked, and when that
	// had last changed.
	published  [shm.MaxSlots]uint64
	progressed [shm.MaxSlots]int64
	sealed     uint64 // blocks below it exist
	cutoff     uint64 // of the newest seal
	taken      uint64 // cut-off of the last block that was handed out
	verified   uint64 // log records below it were read and found whole
	made       uint64 // blocks of which some ring was seen to hold the newest
	pending    event  // an event that is missing its time of return
	flags      uint32
	set        *shm.WaitSet
	stop       atomic.Bool
}

// New returns a player that goes on where the region stands: at the first block
// that was not handed out. It makes up for what a predecessor that died may
// have left undone, seals up to the lead, and wakes the workers.
func New(r roster.Roster) *Player {
	geo, fold := r.Host.Geo, r.Host.Stamp.Fold()
	p := &Player{
		Roster: r, fold: fold, reader: ring.NewReader(geo, fold), block: geo.BlockNS(),
		buf: make([]float32, geo.Samples()), spare: make([]float32, geo.Samples()),
		last: make([]float32, geo.Channels), set: shm.NewWaitSet(shm.MaxSlots),
	}
	p.inherit()
	// The last block of the lead is left for a spare to come in.
	p.late = p.block / 2
	if geo.Lead > 1 {
		p.late = p.block * int64(geo.Lead-1)
	}
	now := clock.Now()
	for i := range p.sealedAt {
		p.sealedAt[i] = now
	}
	if p.next > 0 {
		p.flags = shm.FlagPlayer
	}
	p.seal(p.next+uint64(geo.Lead), now)
	shm.Wake(shm.Low(&p.Player.Sealed))
	if p.next > 0 {
		d, samples := p.Player.Delivered(p.next - 1)
		d.Sealed = p.sealed
		copy(p.last, samples[len(samples)-len(p.last):])
	}
	return p
}

// Next returns the number of the block that the next call hands out.
func (p *Player) Next() uint64 { return p.next }

// Stop makes the next call the last: it fades its block to silence.
func (p *Player) Stop() { p.stop.Store(true) }

// Xrun counts an xrun: the machine let the next call come ns late, more than
// the lead, and the grid starts anew.
func (p *Player) Xrun(ns int64) {
	p.said.xruns++
	p.said.xrunNS += uint64(ns)
	p.Player.Xruns.Store(p.said.xruns)
	p.Player.XrunNS.Store(p.said.xrunNS)
	p.flags |= shm.FlagXrun
	now := clock.Now()
	p.emit(event{kind: shm.EventXrun, block: p.next, entry: now, ret: now, value: ns, slot: -1, from: -1})
}

// Dry counts a call before which the device had nothing left to play.
func (p *Player) Dry() {
	p.said.dry++
	p.Player.Dry.Store(p.said.dry)
}

// Callback hands out the next block; len(out) is frames x channels. It returns
// false if that was the last.
func (p *Player) Callback(out []float32) bool {
	entry := clock.Now()
	n := p.next
	flags := p.flags
	p.flags = 0
	p.pending.kind = 0

	slot, ok := p.take(n)
	if !ok && !p.given(n) {
		p.fill(entry)
		slot, ok = p.await(n, entry+p.block/2)
	}
	failpoint.Hit(failpoint.SealCopied)
	primary := p.said.primary
	if ok {
		p.made = max(p.made, n+1)
		copy(out, p.buf)
		if slot != int(primary) && (p.Alive(slot) || primary < 0) {
			if primary >= 0 {
				flags |= shm.FlagSwitched
				if p.Alive(int(primary)) {
					p.said.late++
					p.Player.Late.Store(p.said.late)
				}
				p.pending = event{kind: shm.EventSwitched, block: n, entry: entry, slot: int32(slot), from: primary}
			}
			primary = int32(slot)
		}
	} else {
		p.conceal(out)
		flags |= shm.FlagLost
		slot = -1
		p.pending = event{
			kind: shm.EventLost, block: n, entry: entry, slot: -1, from: primary, value: int64(p.Host.Geo.Frames),
		}
	}
	last := p.stop.Load()
	if last {
		flags |= shm.FlagFade
		dsp.Fade(out, int(p.Host.Geo.Channels))
	}
	p.deliver(n, slot, flags, entry, primary, out)

	sealed := n + 1 + uint64(p.Host.Geo.Lead)
	p.seal(sealed, entry)
	shm.Wake(shm.Low(&p.Player.Sealed))
	failpoint.Hit(failpoint.SealWake)
	p.look(n)
	p.finish(n, entry)
	return !last
}

// take copies block n out of a ring, verified, and returns the ring's slot. The
// primary comes first, then the other live workers, then the dead ones: what
// they had finished is as good.
func (p *Player) take(n uint64) (int, bool) {
	primary := int(p.said.primary)
	if primary >= 0 && p.Alive(primary) && p.read(primary, n) {
		return primary, true
	}
	for slot := range p.Rings {
		if slot != primary && p.Alive(slot) && p.read(slot, n) {
			return slot, true
		}
	}
	if primary >= 0 && p.read(primary, n) {
		return primary, true
	}
	for slot := range p.Rings {
		if slot != primary && p.read(slot, n) {
			return slot, true
		}
	}
	return -1, false
}

func (p *Player) read(slot int, n uint64) bool {
	return ring.Copy(p.Rings[slot], p.fold, n, &p.header, p.buf)
}

// watch makes the next wait end as soon as any worker publishes.
func (p *Player) watch() {
	p.set.Reset()
	for _, r := range p.Rings {
		p.set.Add(shm.Low(&r.Published), uint32(r.Published.Load()))
	}
}

// await waits for any worker to publish block n, at most until the time given,
// in ns: half a block into the call, since to wait longer would lose the block
// as well.
func (p *Player) await(n uint64, until int64) (int, bool) {
	p.Player.Waiting.Store(1)
	defer p.Player.Waiting.Store(0)
	for {
		p.watch()
		if slot, ok := p.take(n); ok {
			return slot, true
		}
		left := until - clock.Now()
		if left <= 0 {
			return -1, false
		}
		p.set.Wait(left)
	}
}

// deliver writes block n where the recorder and a file sink find it, and
// advances playout.
func (p *Player) deliver(n uint64, slot int, flags uint32, entry int64, primary int32, out []float32) {
	d, samples := p.Player.Delivered(n)
	d.Block.Store(0)
	failpoint.Hit(failpoint.SealInvalid)
	d.Sealed, d.ReturnNS = 0, 0
	failpoint.Hit(failpoint.SealCleared)
	d.DeliveredInfo = p.info(n, slot, flags, entry)
	failpoint.Hit(failpoint.SealRecord)
	for i := range p.Rings {
		d.Sums[i] = p.sum(i, n, d.Sum)
		failpoint.Hit(failpoint.SealSums)
	}
	copy(samples[:len(out)/2], out)
	failpoint.Hit(failpoint.SealHalf)
	copy(samples[len(out)/2:], out[len(out)/2:])
	failpoint.Hit(failpoint.SealSamples)
	d.Block.Store(n + 1)
	failpoint.Hit(failpoint.SealDelivered)
	p.said.primary = primary
	p.Player.Primary.Store(primary)
	failpoint.Hit(failpoint.SealPrimary)
	if flags&shm.FlagSwitched != 0 {
		p.said.switches++
	}
	if flags&shm.FlagLost != 0 {
		p.said.lost += uint64(p.Host.Geo.Frames)
	}
	p.Player.Switches.Store(p.said.switches)
	failpoint.Hit(failpoint.SealSwitches)
	p.Player.Lost.Store(p.said.lost)
	failpoint.Hit(failpoint.SealLost)
	p.Player.Playout.Store(n + 1)
	failpoint.Hit(failpoint.SealPlayout)
	p.next = n + 1
	copy(p.last, out[len(out)-len(p.last):])
}

// info describes the delivery of block n. What the block continues and which
// commands it takes is the seal's to say, whatever was delivered: the recording
// is held to it. Only if the seal is damaged does the entry count, and without
// an entry no worker rendered the block.
func (p *Player) info(n uint64, slot int, flags uint32, entry int64) shm.DeliveredInfo {
	info := shm.DeliveredInfo{EntryNS: entry, Slot: int32(slot), Flags: flags}
	var sealed bool
	info.Prev, info.Cutoff, sealed = p.Player.Seal(n)
	if slot >= 0 {
		info.Sum = p.header.Sum
		info.Generation = p.Host.Slots[slot].Generation.Load()
	}
	switch {
	case sealed:
	case slot >= 0:
		info.Prev, info.Cutoff = p.header.Prev, p.header.Cutoff
	default:
		info.Prev, info.Cutoff = n, p.taken
	}
	p.taken = info.Cutoff
	return info
}

// finish restores redundancy and stamps the time of return.
func (p *Player) finish(n uint64, entry int64) {
	p.fill(entry)
	d, _ := p.Player.Delivered(n)
	d.Sealed = p.sealed
	failpoint.Hit(failpoint.SealCount)
	d.ReturnNS = clock.Now()
	failpoint.Hit(failpoint.SealReturn)
	p.Player.EntryNS.Store(entry)
	p.restate()
	if p.pending.kind != 0 {
		p.pending.ret = d.ReturnNS
		p.emit(p.pending)
	}
}
