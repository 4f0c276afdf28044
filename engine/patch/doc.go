// Package patch turns a patch file, which people write, into a dsp.Program, which workers run.
//
// A patch is TOML: the id of the module that is heard, and the modules in any order.
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
// A limit may stand beside out, the largest sample that may leave the patch; it is 1 unless given, and 0 is none.
//
// The kinds and their parameters are those of dsp.Kinds; one whose values have names is given by name, mode = "lowpass".
// Everything is checked when the text is read, and an error names the line: nothing unknown is ignored. The package renders
// nothing, except to measure how large `heavy` should be, and workers do not import it.
package patch
