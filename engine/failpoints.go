//go:build linux

package engine

import (
	"encoding/json"
	"net/http"
	"strconv"

	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
)

// failpointHandlers returns the handlers through which the harness arms a
// failpoint, in builds that have failpoints:
//
//	GET  /failpoints             lists them
//	POST /failpoint?id=N&slot=S  arms point N in the worker of slot S, or in
//	                             the player if N is one of the player's points
//	GET  /layout                 lists the words of the regions' headers
func failpointHandlers(pool *supervisor.Pool) map[string]http.Handler {
	if !failpoint.Enabled {
		return nil
	}
	type point struct {
		ID     int    `json:"id"`
		Name   string `json:"name"`
		Target string `json:"target"`
	}
	list := func(w http.ResponseWriter, _ *http.Request) {
		var all struct {
			Points []point `json:"points"`
		}
		for _, p := range failpoint.All() {
			all.Points = append(all.Points, point{int(p), p.Name(), p.Target()})
		}
		_ = json.NewEncoder(w).Encode(all)
	}
	arm := func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.URL.Query().Get("id"))
		if err != nil || id < 1 || id > len(failpoint.All()) {
			http.Error(w, "failpoint: no such id", http.StatusBadRequest)
			return
		}
		slot := failpoint.PlayerSlot
		if p := failpoint.Point(id); p.Target() == "worker" {
			slot, err = strconv.Atoi(r.URL.Query().Get("slot"))
			if err != nil || slot < 0 || slot >= len(pool.Rings) {
				http.Error(w, "failpoint: no such slot", http.StatusBadRequest)
				return
			}
		}
		pool.Host.Failpoint.Store(failpoint.Armed(failpoint.Point(id), uint32(slot)))
	}
	layout := func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(shm.Words(pool.Host.Geo))
	}
	return map[string]http.Handler{
		"GET /failpoints": http.HandlerFunc(list),
		"GET /layout":     http.HandlerFunc(layout),
		"POST /failpoint": http.HandlerFunc(arm),
	}
}
