//go:build linux

package main

import "fmt"

// number is the value of a flag that has a lower bound of 0 or 1.
type number struct {
	flag         string
	value, least int
}

// least returns an error for the first number that is below its bound.
func least(numbers ...number) error {
	for _, n := range numbers {
		switch {
		case n.value >= n.least:
		case n.least == 0:
			return fmt.Errorf("--%s %d: must not be negative", n.flag, n.value)
		default:
			return fmt.Errorf("--%s %d: must be %d or more", n.flag, n.value, n.least)
		}
	}
	return nil
}
