package roster

import (
	"fmt"
	"os"

	"chronus/engine/internal/shm"
)

// Open maps the regions that a worker or a player inherits as descriptors: the host's, the player's, and those of all slots in
// their order, from the descriptor rings on. writes says that the process is the player, which writes its own region.
func Open(host, player, rings uintptr, writes bool) (r Roster, err error) {
	if r.Host, err = shm.OpenHost(os.NewFile(host, "host")); err != nil {
		return r, err
	}
	if r.Player, err = shm.OpenPlayer(os.NewFile(player, "player"), r.Host, writes); err != nil {
		return r, err
	}
	r.Rings = make([]*shm.Ring, r.Host.Geo.Slots)
	for i := range r.Rings {
		if r.Rings[i], err = shm.OpenRing(os.NewFile(rings+uintptr(i), fmt.Sprintf("ring %d", i)), r.Host, false); err != nil {
			return r, err
		}
	}
	return r, nil
}
