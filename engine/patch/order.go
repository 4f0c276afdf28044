package patch

import (
	"cmp"
	"slices"
	"strings"
)

// order returns the indices of the modules sorted so that inputs come first.
// The result depends only on how the modules are connected and on their ids, so
// that patches which list the same modules in a different order are the same
// program: first the module that is heard, after its inputs in the order in
// which they are listed, then the rest by id. A cycle is an error that names
// its modules.
func (d *draft) order(out int) ([]int, error) {
	roots := make([]int, len(d.modules))
	for i := range roots {
		roots[i] = i
	}
	slices.SortFunc(roots, func(a, b int) int { return cmp.Compare(d.modules[a].id, d.modules[b].id) })

	const (
		fresh = iota
		open  // on the path
		done
	)
	var (
		state = make([]int, len(d.modules))
		path  []int // from a root, against the direction of the signal
		order []int
		visit func(i int) error
	)
	visit = func(i int) error {
		switch state[i] {
		case done:
			return nil
		case open:
			return d.cycle(path[slices.Index(path, i):])
		}
		state[i] = open
		path = append(path, i)
		for _, in := range d.modules[i].inputs {
			if err := visit(in); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		state[i] = done
		order = append(order, i)
		return nil
	}
	for _, root := range append([]int{out}, roots...) {
		if err := visit(root); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// cycle returns the error for a loop of modules, each of which takes the next
// one as an input, and the last one the first. The error lists them in the
// direction of the signal, from the module that comes first in the file.
func (d *draft) cycle(loop []int) error {
	loop = slices.Clone(loop)
	slices.Reverse(loop)
	first := slices.Index(loop, slices.Min(loop))
	loop = append(loop[first:], loop[:first+1]...)
	var ids []string
	for _, i := range loop {
		ids = append(ids, d.modules[i].id)
	}
	return d.src.errorf(d.src.lineOfModule(loop[0], "in"), "module %q is part of a cycle: %s",
		ids[0], strings.Join(ids, " -> "))
}

// arrange returns the modules in that order, with their inputs renumbered, and
// the new index of out.
func (d *draft) arrange(order []int, out int) (modules []module, newOut int) {
	place := make([]int, len(order)) // by old index
	for to, from := range order {
		place[from] = to
	}
	for _, from := range order {
		m := d.modules[from]
		for i, in := range m.inputs {
			m.inputs[i] = place[in]
		}
		modules = append(modules, m)
	}
	return modules, place[out]
}
