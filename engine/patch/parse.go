package patch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/cespare/xxhash/v2"

	"chronus/engine/dsp"
)

// maxText is the largest patch in bytes. A patch that fills the largest arena
// is smaller.
const maxText = 8 << 20

var validID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Parse parses a patch. name, usually the path of the file, is for messages.
// Every error is a single line that begins with "patch: name:line: ".
func Parse(name string, text []byte) (*Patch, error) {
	src := source{name: name, text: strings.TrimPrefix(string(text), "\uFEFF")}
	if len(text) > maxText {
		return nil, src.errorf(1, "the patch is larger than %d bytes", maxText)
	}
	var root map[string]any
	if _, err := toml.Decode(src.text, &root); err != nil {
		return nil, src.syntaxError(err)
	}
	for _, key := range slices.Sorted(maps.Keys(root)) {
		if key != "out" && key != "limit" && key != "module" {
			return nil, src.errorf(src.lineOf(key), "unknown key %q (known: limit, module, out)", key)
		}
	}
	tables, ok := tablesOf(root["module"])
	if root["module"] != nil && !ok {
		return nil, src.errorf(src.lineOf("module"), "module must be a list of tables, written [[module]]")
	}
	if len(tables) == 0 {
		return nil, src.errorf(1, "there is no [[module]]")
	}

	d := draft{src: src, index: make(map[string]int)}
	for i, table := range tables {
		if err := d.add(i, table); err != nil {
			return nil, err
		}
	}
	if err := d.connect(); err != nil {
		return nil, err
	}
	out, err := d.output(root)
	if err != nil {
		return nil, err
	}
	limit, err := d.limit(root)
	if err != nil {
		return nil, err
	}
	order, err := d.order(out)
	if err != nil {
		return nil, err
	}
	p := &Patch{name: name, text: slices.Clone(text), limit: limit}
	p.modules, p.out = d.arrange(order, out)
	return p, nil
}

// draft is a patch whose modules are in the order of the file.
type draft struct {
	src     source
	modules []module
	sources [][]string     // by module: the ids of its inputs
	index   map[string]int // of a module, by id
	words   int            // of the arena, so far
}

// add appends module i after checking everything but its connections.
func (d *draft) add(i int, table map[string]any) error {
	fail := func(key, format string, args ...any) error {
		return d.src.errorf(d.src.lineOfModule(i, key), format, args...)
	}
	id, ok := table["id"].(string)
	switch {
	case table["id"] == nil:
		return fail("", "module number %d has no id", i+1)
	case !ok:
		return fail("id", "module number %d: id must be a string, not %s", i+1, typeName(table["id"]))
	case !validID.MatchString(id):
		return fail("id", "module %q: an id may contain only letters, digits, _ and -", id)
	}
	if first, ok := d.index[id]; ok {
		line := d.src.lineOfModule(first, "id")
		return fail("id", "module %q: line %d already has a module with this id", id, line)
	}

	name, ok := table["kind"].(string)
	switch {
	case table["kind"] == nil:
		return fail("", "module %q has no kind (known: %s)", id, kindNames())
	case !ok:
		return fail("kind", "module %q: kind must be a string, not %s", id, typeName(table["kind"]))
	}
	kindID, ok := dsp.KindByName(name)
	if !ok {
		return fail("kind", "module %q: unknown kind %q (known: %s)", id, name, kindNames())
	}
	kind := &dsp.Kinds()[kindID]

	m := module{id: id, kind: kindID}
	for _, q := range kind.Params {
		v := q.Default
		if q.Seed {
			v = float64(xxhash.Sum64String(id) >> 32)
		}
		m.values = append(m.values, v)
	}
	var inputs []string
	for _, key := range slices.Sorted(maps.Keys(table)) {
		switch v := table[key]; key {
		case "id", "kind":
		case "in":
			if inputs, ok = inputsOf(v); !ok {
				return fail(key, "module %q: in must be a string or a list of strings", id)
			}
		default:
			p, ok := kind.ParamIndex(key)
			if !ok {
				return fail(key, "module %q: unknown key %q (known: %s)", id, key, keyNames(kind))
			}
			value, problem := valueOf(&kind.Params[p], v)
			if problem != "" {
				return fail(key, "module %q: %s", id, problem)
			}
			m.values[p] = value
		}
	}
	if n := len(inputs); n < kind.MinInputs || n > kind.MaxInputs {
		key := ""
		if n > 0 {
			key = "in"
		}
		return fail(key, "module %q: %s takes %s, not %d", id, name, countOf(kind), n)
	}
	if d.words += kind.Words(); d.words > dsp.MaxModuleWords {
		const limit = dsp.MaxModuleWords * 8 / 1024
		return fail("", "module %q: up to here the patch needs more than %d KiB of state", id, limit)
	}
	d.index[id] = len(d.modules)
	d.modules = append(d.modules, m)
	d.sources = append(d.sources, inputs)
	return nil
}

// connect resolves the ids of inputs.
func (d *draft) connect() error {
	for i := range d.modules {
		for _, id := range d.sources[i] {
			j, ok := d.index[id]
			if !ok {
				return d.src.errorf(d.src.lineOfModule(i, "in"),
					"module %q: in names a module %q, which does not exist", d.modules[i].id, id)
			}
			d.modules[i].inputs = append(d.modules[i].inputs, j)
		}
	}
	return nil
}

// output returns the index of the module that is heard.
func (d *draft) output(root map[string]any) (int, error) {
	id, ok := root["out"].(string)
	switch {
	case root["out"] == nil:
		return 0, d.src.errorf(1, `out is missing; it names the module that is heard, as in out = %q`,
			d.modules[len(d.modules)-1].id)
	case !ok:
		return 0, d.src.errorf(d.src.lineOf("out"), "out must be a string, not %s", typeName(root["out"]))
	}
	out, ok := d.index[id]
	if !ok {
		return 0, d.src.errorf(d.src.lineOf("out"), "out names a module %q, which does not exist", id)
	}
	return out, nil
}

// defaultLimit is full scale.
const defaultLimit = 1.0

// limit returns the magnitude of the largest sample that may leave the patch.
func (d *draft) limit(root map[string]any) (float64, error) {
	v, ok := root["limit"]
	if !ok {
		return defaultLimit, nil
	}
	limit, problem := valueOf(&dsp.Param{Name: "limit", Max: dsp.MaxLimit}, v)
	if problem != "" {
		return 0, d.src.errorf(d.src.lineOf("limit"), "%s", problem)
	}
	return limit, nil
}

// valueOf converts v to a value of q: from a name if the values of q have
// names, otherwise from a number. problem is empty if it succeeds.
func valueOf(q *dsp.Param, v any) (value float64, problem string) {
	if q.Values != nil {
		name, ok := v.(string)
		i := slices.Index(q.Values, name)
		switch {
		case !ok:
			return 0, fmt.Sprintf("%s must be a string, not %s", q.Name, typeName(v))
		case i < 0:
			return 0, fmt.Sprintf("unknown %s %q (known: %s)", q.Name, name, strings.Join(q.Values, ", "))
		}
		return float64(i), ""
	}
	value, ok := number(v)
	switch {
	case !ok:
		return 0, fmt.Sprintf("%s must be a number, not %s", q.Name, typeName(v))
	case !q.Holds(value):
		return 0, fmt.Sprintf("%s = %v is not in %v..%v", q.Name, v, q.Min, q.Max)
	}
	return value, ""
}

// inputsOf returns v as a list of ids. ok is false if it is neither a string
// nor a list of strings.
func inputsOf(v any) (ids []string, ok bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, e := range v {
			id, ok := e.(string)
			if !ok {
				return nil, false
			}
			ids = append(ids, id)
		}
		return ids, true
	}
	return nil, false
}

// number returns v as a float64. ok is false if it is neither an integer nor
// a float.
func number(v any) (x float64, ok bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// kindNames lists the kinds by name.
func kindNames() string {
	var names []string
	for _, k := range dsp.Kinds() {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// countOf describes how many inputs a kind takes.
func countOf(k *dsp.Kind) string {
	switch {
	case k.MaxInputs == 0:
		return "no input"
	case k.MaxInputs == 1:
		return "one input"
	}
	return fmt.Sprintf("%d to %d inputs", k.MinInputs, k.MaxInputs)
}

// keyNames lists the keys of a module of that kind.
func keyNames(k *dsp.Kind) string {
	names := []string{"id", "kind"}
	if k.MaxInputs > 0 {
		names = append(names, "in")
	}
	for _, q := range k.Params {
		names = append(names, q.Name)
	}
	return strings.Join(names, ", ")
}
