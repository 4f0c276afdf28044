package patch

import (
	"cmp"
	"slices"
	"strings"
)

// order sorts the modules so that inputs come first. It depends on how the modules are connected and on nothing else, so that
// patches which differ only in the order of their text are the same program: first what is heard, inputs in the order they are
// listed, then the rest by id. A cycle is an error that names it.
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
		path  []int // from a root against the signal
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

// cycle is the error for a loop, given against the signal: each module takes the next as input, the last takes the first. It is
// told in the direction of the signal, at the module that comes first in the file.
func (d *draft) cycle(loop []int) error {
	loop = slices.Clone(loop)
	slices.Reverse(loop)
	first := slices.Index(loop, slices.Min(loop))
	loop = append(loop[first:], loop[:first+1]...)
	var ids []string
	for _, i := range loop {
		ids = append(ids, d.modules[i].id)
	}
	return d.src.errorf(d.src.lineOfModule(loop[0], "in"), "module %q: cycle: %s", ids[0], strings.Join(ids, " -> "))
}

// arrange puts the modules in order and renumbers what refers to them.
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
