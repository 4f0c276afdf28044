// Package mutants plants bugs in the engine and checks that each is caught by
// the scenario and the assertion that must catch it.
//
// A harness that has never failed proves nothing. Each mutant is an edit of the
// engine's source, applied through `go build -overlay`, so that the source
// itself stays clean; an edit that does not match exactly once is an error, not
// a mutant that survived. The package must not depend on how a scenario works:
// it builds, runs `chronus verify` of that very build, and reads its verdict.
package mutants

// Mutant is a planted bug.
type Mutant struct {
	Name      string
	Edits     []Edit
	Scenario  string // that must catch it
	Assertion string // by which
	Cycles    int    // faults per engine process, of which there are two
}

// Edit replaces a text that a file must contain exactly once.
type Edit struct{ File, Old, New string }

// All are the mutants.
var All = []Mutant{
	{
		Name: "latest wins: the callback reads the newest block of a ring instead of the one that is due",
		Edits: []Edit{{
			"engine/player/player.go",
			"ring.Copy(p.Rings[slot], p.fold, n, &p.header, p.buf)",
			"ring.Copy(p.Rings[slot], p.fold, max(p.Rings[slot].Published.Load(), 1)-1, &p.header, p.buf)",
		}},
		Scenario: "kill-primary-sine", Assertion: "wrong-frames", Cycles: 6,
	},
	{
		Name:     "a copied block's checksum is not checked",
		Edits:    []Edit{{"engine/internal/ring/ring.go", "return into.Sum == shm.EntrySum(into, samples)", "return true"}},
		Scenario: "flip-primary", Assertion: "wrong-frames", Cycles: 6,
	},
	{
		Name:     "the seal is off by one",
		Edits:    []Edit{{"engine/player/player.go", "sealed := n + 1 + uint64(p.Host.Geo.Lead)", "sealed := n + uint64(p.Host.Geo.Lead)"}},
		Scenario: "kill-primary-sine", Assertion: "seal-lead", Cycles: 6,
	},
	{
		Name:     "a state is restored one block late",
		Edits:    []Edit{{"engine/worker/restore.go", "return s.header.Block, s.header.Cutoff, true", "return s.header.Block + 1, s.header.Cutoff, true"}},
		Scenario: "kill-primary-sine", Assertion: "replicas-disagree", Cycles: 6,
	},
	{
		Name: "the first command after a switch is dropped",
		Edits: []Edit{
			{"engine/commands.go", "func (e *Engine) sink(", "var switches uint64\n\nfunc (e *Engine) sink("},
			{"engine/commands.go", "ok := e.queue.Push(commands)\n", `ok := true
	if n := e.pool.Player.Switches.Load(); n == switches {
		ok = e.queue.Push(commands)
	} else {
		switches = n
	}
`},
		},
		Scenario: "kill-primary-steps", Assertion: "commands-lost", Cycles: 12,
	},
	{
		Name: "the first command after a switch is applied twice",
		Edits: []Edit{
			{"engine/commands.go", "func (e *Engine) sink(", "var switches uint64\n\nfunc (e *Engine) sink("},
			{"engine/commands.go", "ok := e.queue.Push(commands)\n", `ok := e.queue.Push(commands)
	if n := e.pool.Player.Switches.Load(); n != switches {
		switches = n
		e.queue.Push(append([]command.Command(nil), commands...))
	}
`},
		},
		Scenario: "kill-primary-steps", Assertion: "commands-duplicated", Cycles: 12,
	},
	{
		Name: "a full queue refuses the newest value instead of leaving out the older ones",
		Edits: []Edit{{
			"engine/internal/cmdlog/queue.go",
			"if !q.room(bundles, 0, 0) && !q.supersede(bundles) {",
			"if !q.room(bundles, 0, 0) {",
		}},
		Scenario: "osc-flood", Assertion: "commands-lost", Cycles: 6,
	},
	{
		Name: "a ring is given to a new worker before the death of its last one is certain",
		Edits: []Edit{{
			"engine/internal/policy/vacant.go",
			"case s.State == process.Free:",
			"case s.State == process.Free, s.State == process.Down:",
		}},
		Scenario: "kill-both", Assertion: "ring-reuse", Cycles: 12,
	},
	{
		Name: "a process that could not be started ends the engine",
		Edits: []Edit{{
			"engine/internal/supervisor/slot.go",
			"			s.slots[i] = slot{}\n			s.workerFailed(gen, err)\n",
			"			s.slots[i] = slot{}\n			s.fail(err)\n",
		}},
		Scenario: "spawn-fails", Assertion: "engine-errors", Cycles: 1,
	},
	{
		Name: "a switch skips a block",
		Edits: []Edit{{
			"engine/player/player.go",
			"if slot != primary && p.Alive(slot) && p.read(slot, n) {",
			"if slot != primary && p.Alive(slot) && p.read(slot, n+1) {",
		}},
		Scenario: "kill-primary-sine", Assertion: "wrong-frames", Cycles: 6,
	},
	{
		Name: "the standby renders garbage",
		Edits: []Edit{{
			"engine/worker/worker.go",
			"	ring.Publish(w.own, w.fold, b, w.out, w.state)\n",
			"	if int32(w.slot) != w.Player.Primary.Load() {\n		w.out[0]++\n	}\n	ring.Publish(w.own, w.fold, b, w.out, w.state)\n",
		}},
		Scenario: "none", Assertion: "replicas-disagree", Cycles: 6,
	},
	{
		Name: "a respawn leaks a descriptor",
		Edits: []Edit{{
			"engine/internal/supervisor/spawn.go",
			"	attr := &syscall.SysProcAttr{Setpgid: true, ",
			"	_, _ = syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)\n	attr := &syscall.SysProcAttr{Setpgid: true, ",
		}},
		Scenario: "kill-primary-sine", Assertion: "leaked-fds", Cycles: 12,
	},
	{
		Name: "a respawn leaks a goroutine",
		Edits: []Edit{{
			"engine/internal/supervisor/spawn.go",
			"	attr := &syscall.SysProcAttr{Setpgid: true, ",
			"	go func() { select {} }()\n	attr := &syscall.SysProcAttr{Setpgid: true, ",
		}},
		Scenario: "kill-spare", Assertion: "leaked-goroutines", Cycles: 12,
	},
	{
		Name:     "a counter lies: the last block that was lost is not counted",
		Edits:    []Edit{{"engine/player/player.go", "	p.Player.Lost.Store(p.said.lost)\n", "	p.Player.Lost.Store(max(p.said.lost, 256) - 256)\n"}},
		Scenario: "kill-primary-alone-bare", Assertion: "status-errors", Cycles: 2,
	},
	{
		Name: "a counter lies: a failover that the callback made is not counted",
		Edits: []Edit{{
			"engine/player/player.go",
			"	p.Player.Switches.Store(p.said.switches)\n",
			"	p.Player.Switches.Store(max(p.said.switches, 1) - 1)\n",
		}},
		Scenario: "kill-primary-sine", Assertion: "status-errors", Cycles: 6,
	},
	{
		Name: "an event is stamped early: a death was known before the kill",
		Edits: []Edit{{
			"engine/internal/supervisor/slot.go",
			"control.Event{TNS: w.KnownNS, Kind: control.WorkerDown,",
			"control.Event{TNS: w.KnownNS - 2e6, Kind: control.WorkerDown,",
		}},
		Scenario: "kill-spare", Assertion: "timestamp-errors", Cycles: 6,
	},
	{
		Name:     "the blocks drift by 0.1 %",
		Edits:    []Edit{{"engine/sink/clock.go", "grid := Grid{Rate: uint64(g.Rate), ", "grid := Grid{Rate: uint64(g.Rate) * 1001 / 1000, "}},
		Scenario: "drift", Assertion: "abs-drift-ppm", Cycles: 4,
	},
	{
		Name: "the callback allocates",
		Edits: []Edit{
			{"engine/player/player.go", "	entry := clock.Now()\n	n := p.next\n", "	entry := clock.Now()\n	p.spare = append([]float32(nil), p.spare...)\n	n := p.next\n"},
		},
		Scenario: "alloc", Assertion: "allocs", Cycles: 1,
	},
}
