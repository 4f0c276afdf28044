// Package patch turns a patch file, which people write, into a dsp.Program,
// which workers run.
//
// A patch is TOML: the id of the module that is heard, and the modules in any
// order.
//
//	out = "quieter"
//
//	[[module]]
//	id = "sine1"
//	kind = "sine"
//	freq = 440.0
//
//	[[module]]
//	id = "quieter"
//	kind = "gain"
//	in = "sine1"        # or a list of ids
//	gain = 0.5
//
// The key limit, beside out, sets the magnitude of the largest sample that may
// leave the patch. It defaults to 1; 0 means no limit.
//
// The kinds and their parameters are those of dsp.Kinds. A parameter whose
// values have names is set by name, as in mode = "lowpass". Everything is
// checked when the text is parsed, nothing unknown is ignored, and an error
// names the line. The package must not render anything, except to measure how
// large `heavy` should be, and workers must not import it.
package patch
