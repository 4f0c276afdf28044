package patch_test

import (
	"fmt"

	"chronus/engine/patch"
)

func ExampleParse() {
	p, err := patch.Parse("quiet.toml", []byte(`
out = "quieter"

[[module]]
id = "sine1"
kind = "sine"
freq = 440.0

[[module]]
id = "quieter"
kind = "gain"
in = "sine1"        # or a list of ids
gain = 0.5
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := p.Compile(44100, 256)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range c.Params() {
		fmt.Printf("%d: %s/%s = %v\n", q.Address, q.Module, q.Param, q.Value)
	}
	// Output:
	// 0: sine1/freq = 440
	// 1: sine1/amp = 0.5
	// 6: quieter/gain = 0.5
	// 7: quieter/gate = 1
}
