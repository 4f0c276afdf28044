package control

import (
	"chronus/engine/internal/process"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// Processes is a copy of what the supervisor holds about its processes.
type Processes struct {
	Workers   []process.Info // by slot
	Player    process.Info
	Device    Device // the zero Device if the sink is none
	Failover  Failover
	Restarted uint64 // workers started in place of one that died
	Stopping  bool
}

// workerState combines what the supervisor holds with what the ring shows.
func workerState(supervisor process.State, ring uint32) string {
	switch {
	case supervisor == process.Down:
		return WorkerDead
	case supervisor == process.Starting:
		return WorkerStarting
	case ring == shm.StateIdle:
		return WorkerIdle
	case ring == shm.StateRestoring:
		return WorkerRestoring
	case ring == shm.StateRendering:
		return WorkerRendering
	}
	return WorkerStarting
}

// RoleOf returns the role that the worker in a slot has at present.
func RoleOf(r *roster.Roster, slot int) string {
	switch {
	case int32(slot) == r.Player.Primary.Load():
		return RolePrimary
	case r.Wanted(slot):
		return RoleStandby
	}
	return RoleSpare
}
