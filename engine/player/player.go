// Package player is the player process: its callback picks a ring for each block, hands the samples to the sink, seals
// the blocks ahead and wakes the workers. It must not render, nor wait for anybody who may be dead. Who asks it for a block,
// the device or the clock in its stead, is the clock of the whole engine.
//
// The callback is wait-free but for one bounded wait: when no ring has the block yet, it waits until the call has used
// half a block's time. It allocates nothing, takes no lock, logs nothing and makes no system call but futex and the clock
// read. What the host should know leaves through a ring of events in the player's region. Files and devices belong to other
// threads of the process: a sound file is written from the region behind the callback (soundfile.go), a device is opened by a
// Driver, which one executable brings and the other does not have.
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

// Player is the state of the callback. Its methods belong to the thread that calls back, Stop may come from anywhere.
type Player struct {
	roster.Roster
	fold  uint64
	block int64 // time of a block, ns
	late  int64 // a block not published so long after its seal makes its worker late

	next     uint64
	buf      []float32
	header   shm.EntryHeader
	spare    []float32 // a copy that is not heard, and its header
	other    shm.EntryHeader
	last     []float32 // last frame handed out, one sample a channel
	sealedAt [sealedMemory]int64
	// What each ring had published when it was last looked at, and when that had changed.
	published  [shm.MaxSlots]uint64
	progressed [shm.MaxSlots]int64
	events     uint64
	switches   uint64
	skip       uint64 // the first block after the last outage
	lost       uint64 // frames
	pending    event  // an event that wants the time of return
	flags      uint32
	set        *shm.WaitSet
	stop       atomic.Bool
}

// event is what shm.PlayerEvent carries.
type event struct {
	block      uint64
	entry, ret int64
	value      int64
	kind       uint32
	slot, from int32
}

// sealedMemory is for how many blocks the time of their seal is remembered; a power of two above shm.MaxLead.
const sealedMemory = 128

// New is a player that goes on where the region stands: at the first block that was not handed out. It makes up for what
// a predecessor that died may have left undone, seals up to the lead, and wakes the workers.
func New(r roster.Roster) *Player {
	geo := r.Host.Geo
	p := &Player{
		Roster: r, fold: r.Host.Stamp.Fold(), block: geo.BlockNS(),
		buf: make([]float32, geo.Samples()), spare: make([]float32, geo.Samples()), last: make([]float32, geo.Channels),
		next: r.Player.Playout.Load(), events: r.Player.Events.Load(),
		switches: r.Player.Switches.Load(), lost: r.Player.Lost.Load(), skip: r.Player.SkipTo.Load(), set: shm.NewWaitSet(shm.MaxSlots),
	}
	// The last block of the lead is the spare's to come in.
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
		d.Sealed = p.Player.Sealed.Load()
		copy(p.last, samples[len(samples)-len(p.last):])
	}
	return p
}

// Next is the block that the next call hands out.
func (p *Player) Next() uint64 { return p.next }

// Stop makes the next call the last: it fades its block to silence.
func (p *Player) Stop() { p.stop.Store(true) }

// Xrun tells the callback that the machine let it come late by ns, more than the lead, and that its grid starts anew.
func (p *Player) Xrun(ns int64) {
	p.Player.Xruns.Add(1)
	p.Player.XrunNS.Add(uint64(ns))
	p.flags |= shm.FlagXrun
	now := clock.Now()
	p.emit(event{kind: shm.EventXrun, block: p.next, entry: now, ret: now, value: ns, slot: -1, from: -1})
}

// Callback hands out the next block: len(out) is frames x channels. False: it was the last.
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
	primary := p.Player.Primary.Load()
	if ok {
		copy(out, p.buf)
		if slot != int(primary) && (p.Alive(slot) || primary < 0) {
			if primary >= 0 {
				flags |= shm.FlagSwitched
				p.pending = event{kind: shm.EventSwitched, block: n, entry: entry, slot: int32(slot), from: primary}
			}
			primary = int32(slot)
		}
	} else {
		p.conceal(out)
		flags |= shm.FlagLost
		slot = -1
		p.pending = event{kind: shm.EventLost, block: n, entry: entry, slot: -1, from: primary, value: int64(p.Host.Geo.Frames)}
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

// take copies block n out of a ring, verified. The primary comes first, then who else is alive, then the dead: what they
// had finished is as good.
func (p *Player) take(n uint64) (int, bool) {
	primary := int(p.Player.Primary.Load())
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

// given says whether block n was given up: the music goes on at a later block from an earlier state.
func (p *Player) given(n uint64) bool {
	skip := p.Player.SkipTo.Load()
	return n < skip && n >= p.Player.Seals[skip%shm.SealCount].Prev.Load()
}

// await waits for somebody to publish block n, until the call has used half a block's time: waiting longer is losing too.
func (p *Player) await(n uint64, until int64) (int, bool) {
	p.Player.Waiting.Store(1)
	defer p.Player.Waiting.Store(0)
	for {
		p.set.Reset()
		for _, r := range p.Rings {
			p.set.Add(shm.Low(&r.Published), uint32(r.Published.Load()))
		}
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

// deliver writes block n where the recording and a file sink find it, and moves playout.
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
	p.Player.Primary.Store(primary)
	failpoint.Hit(failpoint.SealPrimary)
	if flags&shm.FlagSwitched != 0 {
		p.switches++
	}
	if flags&shm.FlagLost != 0 {
		p.lost += uint64(p.Host.Geo.Frames)
	}
	p.Player.Switches.Store(p.switches)
	failpoint.Hit(failpoint.SealSwitches)
	p.Player.Lost.Store(p.lost)
	failpoint.Hit(failpoint.SealLost)
	p.Player.Playout.Store(n + 1)
	failpoint.Hit(failpoint.SealPlayout)
	p.next = n + 1
	copy(p.last, out[len(out)-len(p.last):])
}

func (p *Player) info(n uint64, slot int, flags uint32, entry int64) shm.DeliveredInfo {
	seal := &p.Player.Seals[n%shm.SealCount]
	info := shm.DeliveredInfo{Prev: seal.Prev.Load(), EntryNS: entry, Slot: int32(slot), Flags: flags}
	info.Cutoff, _ = shm.OpenSeal(p.fold, n, seal.Word.Load())
	if slot >= 0 {
		info.Generation, info.Sum = p.Rings[slot].Generation, p.header.Sum
	}
	return info
}

// seal says for every block below count which commands it takes. A word is written once: blocks below the sealed count
// exist, others do not.
func (p *Player) seal(count uint64, now int64) {
	cutoff := p.Host.Head.Load()
	for b := p.Player.Sealed.Load(); b < count; b++ {
		prev := b
		if base, skip := p.outage(b); skip {
			prev = base
		}
		s := &p.Player.Seals[b%shm.SealCount]
		s.Prev.Store(prev)
		failpoint.Hit(failpoint.SealPrev)
		s.Word.Store(shm.SealWord(p.fold, b, cutoff))
		failpoint.Hit(failpoint.SealWord)
		if prev != b {
			p.skip = b
		}
		p.Player.SkipTo.Store(p.skip)
		failpoint.Hit(failpoint.SealSkip)
		p.sealedAt[b%sealedMemory] = now
		p.Player.Sealed.Store(b + 1)
		failpoint.Hit(failpoint.SealSealed)
	}
}

// outage decides whether to give up what nobody has rendered: when block b would be further from the newest published one
// than a worker may catch up by rendering, the music goes on at b from that state. Only the player decides it, in the
// seal, so that every worker does the same. The next decision waits until the last one had its chance.
func (p *Player) outage(b uint64) (base uint64, skip bool) {
	for _, r := range p.Rings {
		base = max(base, r.Published.Load())
	}
	return base, b > max(base, p.skip)+p.Host.Geo.Behind()
}

// look compares what the other rings say of the block a few before n: by then a standby that was late has it too.
func (p *Player) look(n uint64) {
	if n < shm.LateLook {
		return
	}
	b := n - shm.LateLook
	d, _ := p.Player.Delivered(b)
	diverged := false
	for i := range p.Rings {
		if s := p.sum(i, b, d.Sum); s != 0 {
			d.Sums[i] = s
			failpoint.Hit(failpoint.SealLate)
		}
		diverged = diverged || d.Sum != 0 && d.Sums[i] != 0 && d.Sums[i] != d.Sum
	}
	if diverged {
		p.Player.Diverged.Add(1)
	}
}

// sum is what a slot's ring says of block n, 0 where it says nothing that can be believed. One that is as it was heard needs no
// proof; one that differs is worth the look whether its entry verifies: a flipped bit is no disagreement.
func (p *Player) sum(slot int, n, heard uint64) uint64 {
	s := ring.Sum(p.Rings[slot], n)
	if s != 0 && s != heard && !ring.Copy(p.Rings[slot], p.fold, n, &p.other, p.spare) {
		return 0
	}
	return s
}

// finish keeps the redundancy up and stamps the time of return.
func (p *Player) finish(n uint64, entry int64) {
	p.fill(entry)
	d, _ := p.Player.Delivered(n)
	d.Sealed = p.Player.Sealed.Load()
	failpoint.Hit(failpoint.SealCount)
	d.ReturnNS = clock.Now()
	failpoint.Hit(failpoint.SealReturn)
	p.Player.EntryNS.Store(entry)
	if p.pending.kind != 0 {
		p.pending.ret = d.ReturnNS
		p.emit(p.pending)
	}
}

// fill activates spares until as many workers keep up as there should be replicas. Late is not dead: nobody is stopped. But
// one who is late and works is helped by one more at most, however many are late: what is short then is processor time, and
// every further renderer takes it from the others. Without real-time priorities, of which a surplus renderer has none, even one
// more does, so there only who stands still is replaced.
func (p *Player) fill(now int64) {
	keep, work := 0, 0
	for slot := range p.Rings {
		if !p.Renders(slot) {
			continue
		}
		published := p.Rings[slot].Published.Load()
		if published != p.published[slot] {
			p.published[slot], p.progressed[slot] = published, now
		}
		fresh := now-p.ActivatedNS(slot) < 2*p.block
		if fresh || now-p.progressed[slot] <= p.late+p.block {
			work++
		}
		if fresh || p.keepsUp(published, now) {
			keep++
		}
	}
	replicas := int(p.Host.Geo.Replicas)
	most := replicas
	if p.Host.Geo.Fifo != 0 {
		most++
	}
	for ; keep < replicas && work < most; keep, work = keep+1, work+1 {
		slot := p.Spare()
		if slot < 0 {
			return
		}
		s := &p.Player.Slots[slot]
		s.AtNS.Store(clock.Now())
		s.Activate.Store(p.Activation(slot))
		shm.Wake(&s.Activate)
		p.emit(event{kind: shm.EventActivated, block: p.next, entry: now, ret: s.AtNS.Load(), slot: int32(slot), from: -1})
	}
}

func (p *Player) keepsUp(published uint64, now int64) bool {
	sealed := p.Player.Sealed.Load()
	if published >= sealed {
		return true
	}
	return sealed-published < sealedMemory && now-p.sealedAt[published%sealedMemory] <= p.late
}

// emit puts an event where the host reads it; the oldest is overwritten, the host counts what it missed.
func (p *Player) emit(e event) {
	q := &p.Player.Queue[p.events%shm.EventCount]
	q.Index.Store(0)
	q.Block, q.EntryNS, q.ReturnNS, q.Value = e.block, e.entry, e.ret, e.value
	q.Kind, q.Slot, q.From = e.kind, e.slot, e.from
	p.events++
	q.Index.Store(p.events)
	p.Player.Events.Store(p.events)
	shm.Wake(shm.Low(&p.Player.Events))
}
