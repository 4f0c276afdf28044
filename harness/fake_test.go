package harness

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/command"
	"chronus/engine/control"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/sink/wavfile"
	"chronus/engine/tape"
	"chronus/harness/scenario"
)

// The fake engine is this test binary, started as an engine. It plays the patch
// steps at the true pace, its workers are sleeping processes, and it does
// everything right except for the one bug that FAKE_BUG names.

const (
	fakeReplicas = 2
	fakeSpares   = 1
	fakeSlots    = 6
	fakeLead     = 3
)

type fakeWorker struct {
	slot       int
	cmd        *exec.Cmd
	generation uint32
	role       string
	reaped     chan struct{}
}

func (w *fakeWorker) pid() int { return w.cmd.Process.Pid }

type fakeEngine struct {
	bug      string
	mu       sync.Mutex
	workers  []*fakeWorker
	last     [fakeSlots]int // pid of the slot's last owner
	gen      uint32
	hub      control.Hub
	server   *control.Server
	osc      *osc.Server
	commands []command.Command // to be applied
	taken    uint64
	received int
	block    uint64
	switched bool // since the last block
	switches uint64
	stopping bool
	deaths   int
}

func fakeMain(args []string) int {
	flags := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	e := &fakeEngine{bug: os.Getenv("FAKE_BUG")}
	if err := e.run(flags); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if e.bug == "exit code" {
		return 4
	}
	return 0
}

func (e *fakeEngine) run(flags map[string]string) (err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if e.server, err = control.Listen(flags["--control"]); err != nil {
		return err
	}
	if e.osc, err = osc.Listen("127.0.0.1", 0); err != nil {
		return err
	}
	p, err := patch.Load("steps")
	if err != nil {
		return err
	}
	code, err := p.Compile(scenario.Rate, scenario.Frames)
	if err != nil {
		return err
	}
	e.mu.Lock()
	for i := range fakeReplicas + fakeSpares {
		e.spawn(i)
	}
	e.elect(-1)
	e.mu.Unlock()
	go e.server.Serve(e.status, &e.hub)
	go e.osc.Serve(&osc.Router{Sink: e.take, Routes: []osc.Route{{
		Address: "/mod/<id>/<param>", Arg: osc.NumberArg,
		Param: func(names []string) (osc.Param, error) {
			word, err := code.Address(names[0], names[1])
			return osc.Param{Word: word}, err
		},
	}}})
	if err := e.play(flags, p, code, signals); err != nil {
		return err
	}
	e.mu.Lock()
	e.stopping = true
	for _, w := range e.workers {
		if e.bug == "leave a process" && w.role == control.RoleSpare {
			continue
		}
		w.cmd.Process.Kill()
		<-w.reaped // or it would be left behind, on a machine that is slow to end it
	}
	e.mu.Unlock()
	e.osc.Close()
	e.publish(control.Event{Kind: control.EngineStopped, Slot: -1})
	return e.server.Close()
}

// play delivers block after block to the tape and the sound file until a signal
// comes.
func (e *fakeEngine) play(flags map[string]string, p *patch.Patch, code *patch.Compiled, signals <-chan os.Signal) error {
	rec, err := tape.Create(flags["--tape"], tape.Header{
		Version: tape.Version, Rate: scenario.Rate, Frames: scenario.Frames, Channels: code.Program.Channels, Lead: fakeLead, Replicas: fakeReplicas,
		Spares: fakeSpares, Slots: fakeSlots, Ring: 16, Patch: p.Name(), PatchText: string(p.Text()),
	})
	if err != nil {
		return err
	}
	wav, err := wavfile.Open(flags["--sink"][len("wav:"):], scenario.Rate, code.Program.Channels, scenario.Frames)
	if err != nil {
		return err
	}
	state := append([]uint64{}, code.Program.Initial...)
	out := make([]float32, scenario.Frames*code.Program.Channels)
	begin := clock.Now()
	for n := uint64(0); len(signals) == 0; n++ {
		clock.ParkUntil(begin + int64(n)*scenario.Frames*1e9/scenario.Rate)
		b := e.next(n, rec, code, state)
		code.Program.Render(state, out)
		b.Samples = out
		if n == 30 && e.bug == "lose a block" {
			b.Flags |= tape.FlagLost
			b.Slot, b.Sum = -1, 0
			e.publish(control.Event{Kind: control.FramesLost, Slot: -1, Frames: scenario.Frames, Block: n, EntryNS: b.EntryNS, ReturnNS: b.EntryNS})
		}
		b.ReturnNS = clock.Now()
		if err := rec.Block(b); err != nil {
			return err
		}
		if err := wav.WriteBlock(n, out); err != nil {
			return err
		}
		if n == 0 {
			e.publish(control.Event{Kind: control.EngineStarted, Slot: -1})
		}
	}
	if err := wav.Close(); err != nil {
		return err
	}
	return rec.Close()
}

// next takes the commands that arrived for block n, and returns the block as
// the primary renders it.
func (e *fakeEngine) next(n uint64, rec *tape.Writer, code *patch.Compiled, state []uint64) *tape.Block {
	e.mu.Lock()
	defer e.mu.Unlock()
	entry := clock.Now()
	for _, c := range e.commands {
		rec.Command(&tape.Command{Index: e.taken, Address: c.Address, Value: c.Value, Frame: -1, RecvNS: c.RecvNS})
		code.Program.Set(state, c.Address, c.Value)
		e.taken++
	}
	e.commands = nil
	b := &tape.Block{
		Block: n, Prev: n, Cutoff: e.taken, Sealed: n + 1 + fakeLead, EntryNS: entry, Sum: n + 1, Sums: make([]uint64, fakeSlots),
	}
	for _, w := range e.workers {
		if w.role != control.RoleSpare {
			b.Sums[w.slot] = b.Sum
		}
		if w.role == control.RolePrimary {
			b.Slot, b.Generation = int32(w.slot), w.generation
		}
	}
	if e.switched {
		b.Flags |= tape.FlagSwitched
		e.switched = false
	}
	e.block = n + 1
	return b
}

func (e *fakeEngine) take(commands []command.Command) bool {
	for _, c := range commands {
		e.command(c)
	}
	return true
}

func (e *fakeEngine) command(c command.Command) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.received++
	if e.bug == "drop a command" && e.received == 3 {
		return
	}
	e.commands = append(e.commands, c)
	if e.bug == "repeat a command" && e.received == 3 {
		time.AfterFunc(30*time.Millisecond, func() { e.command(c) })
	}
}

func (e *fakeEngine) publish(ev control.Event) {
	if ev.TNS == 0 {
		ev.TNS = clock.Now()
	}
	e.hub.Publish(ev)
}

// spawn starts a worker in a slot, idle. The engine is locked.
func (e *fakeEngine) spawn(slot int) {
	e.gen++
	w := &fakeWorker{slot: slot, generation: e.gen, role: control.RoleSpare, reaped: make(chan struct{}), cmd: exec.Command("sleep", "300")}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := w.cmd.Start(); err != nil {
		panic(err)
	}
	e.workers = append(e.workers, w)
	e.last[slot] = w.pid()
	e.publish(control.Event{Kind: control.WorkerSpawned, Slot: slot, PID: w.pid(), Generation: w.generation})
	e.publish(control.Event{Kind: control.WorkerReady, Slot: slot, PID: w.pid(), Generation: w.generation})
	go func() {
		w.cmd.Wait()
		close(w.reaped)
		e.died(w)
	}()
}

// elect turns spares into renderers, and a renderer into the primary if there
// is none. from is the slot of the last primary. The engine is locked.
func (e *fakeEngine) elect(from int) {
	rendering, primary := 0, false
	for _, w := range e.workers {
		if w.role != control.RoleSpare {
			rendering++
		}
		primary = primary || w.role == control.RolePrimary
	}
	now := clock.Now()
	for _, w := range e.workers {
		if w.role == control.RoleSpare && rendering < fakeReplicas {
			rendering++
			w.role = control.RoleStandby
			e.publish(control.Event{
				Kind: control.WorkerPromoted, Slot: w.slot, PID: w.pid(), Generation: w.generation, KnownNS: now, FirstNS: now + 1, By: "host",
			})
		}
	}
	for _, w := range e.workers {
		if !primary && w.role == control.RoleStandby {
			w.role, primary = control.RolePrimary, true
			if from >= 0 {
				e.switched = true
				e.switches++
				e.publish(control.Event{
					Kind: control.Switched, Slot: w.slot, FromSlot: &from, Block: e.block, EntryNS: now, ReturnNS: now + 1,
				})
			}
		}
	}
}

func (e *fakeEngine) died(w *fakeWorker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return
	}
	e.deaths++
	for i := range e.workers {
		if e.workers[i] == w {
			e.workers = append(e.workers[:i], e.workers[i+1:]...)
			break
		}
	}
	about := control.Event{Slot: w.slot, PID: w.pid(), Generation: w.generation, Cause: "signal: killed", Phase: "rendering"}
	down, exited := about, about
	down.Kind, exited.Kind = control.WorkerDown, control.WorkerExited
	e.publish(down)
	if e.bug != "reuse a ring" {
		e.publish(exited)
	}
	from := -1
	if w.role == control.RolePrimary {
		from = w.slot
	}
	e.elect(from)
	slot := (w.slot + fakeReplicas + fakeSpares) % fakeSlots
	if e.bug == "reuse a ring" {
		slot = w.slot
	}
	e.spawn(slot)
	if e.bug == "reuse a ring" {
		e.publish(exited)
	}
	e.publish(control.Event{Kind: control.RedundancyRestored, Slot: -1})
	switch e.bug {
	case "leak":
		unix.MemfdCreate("leak", 0)
	case "kill a healthy one":
		if e.deaths == 2 {
			e.workers[0].cmd.Process.Kill()
		}
	case "never mend":
		e.workers[len(e.workers)-1].role = "odd"
	}
}

func (e *fakeEngine) status() control.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := control.Status{
		State: control.StatePlaying, Rate: scenario.Rate, Frames: scenario.Frames, Channels: 1, Lead: fakeLead, Replicas: fakeReplicas, Spares: fakeSpares,
		Block: e.block, OSC: e.osc.Addr(), PID: os.Getpid(), Failovers: e.switches, Goroutines: 10,
		Player: control.Player{PID: os.Getpid(), Sched: "other"},
	}
	if e.bug == "allocate" {
		s.CallbackAllocs = 172
	}
	for _, role := range []string{control.RolePrimary, control.RoleStandby, control.RoleSpare, "odd"} {
		for _, w := range e.workers {
			if w.role != role {
				continue
			}
			state := control.WorkerRendering
			if role == control.RoleSpare {
				state = control.WorkerIdle
			}
			s.Workers = append(s.Workers, control.Worker{Role: role, Slot: w.slot, PID: w.pid(), Generation: w.generation, State: state})
		}
	}
	return s
}
