package roster

import (
	"fmt"
	"os"

	"chronus/engine/internal/shm"
)

// Open maps the regions that a worker or a player inherits as descriptors: the
// host's, the player's, and the rings of all slots in slot order, from the
// descriptor rings on. Only the player, which writes its own region, sets
// writes.
func Open(host, player, rings uintptr, writes bool) (r Roster, err error) {
	if r.Host, err = shm.OpenHost(os.NewFile(host, "host")); err != nil {
		return r, err
	}
	if r.Player, err = shm.OpenPlayer(os.NewFile(player, "player"), r.Host, writes); err != nil {
		return r, err
	}
	r.Rings = make([]*shm.Ring, r.Host.Geo.Slots)
	for i := range r.Rings {
		f := os.NewFile(rings+uintptr(i), fmt.Sprintf("ring %d", i))
		if r.Rings[i], err = shm.OpenRing(f, r.Host, false); err != nil {
			return r, err
		}
	}
	return r, nil
}
