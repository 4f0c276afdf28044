package expect

import (
	"fmt"
	"strconv"
	"strings"
)

// Count is how often something must happen: from Min to Max times. A scenario's
// file has it as a number, as ">=N" or as "N..M".
type Count struct{ Min, Max int }

// unbounded is the Max of ">=N".
const unbounded = int(^uint(0) >> 1)

// Exactly returns the Count that allows n only.
func Exactly(n int) Count { return Count{n, n} }

// AtLeast returns the Count without an upper bound.
func AtLeast(n int) Count { return Count{n, unbounded} }

// Allows reports whether n is within the bounds.
func (c Count) Allows(n int) bool { return c.Min <= n && n <= c.Max }

func (c Count) String() string {
	switch {
	case c.Min == c.Max:
		return strconv.Itoa(c.Min)
	case c.Max == unbounded:
		return fmt.Sprintf(">=%d", c.Min)
	}
	return fmt.Sprintf("%d..%d", c.Min, c.Max)
}

// UnmarshalTOML reads a Count from a value of a TOML file.
func (c *Count) UnmarshalTOML(v any) error {
	bad := fmt.Errorf(`want a number of times, ">=N" or "N..M", not %v`, v)
	switch v := v.(type) {
	case int64:
		if v < 0 || v > 1<<30 {
			return bad
		}
		*c = Exactly(int(v))
		return nil
	case string:
		if low, ok := strings.CutPrefix(v, ">="); ok {
			n, err := strconv.ParseUint(low, 10, 30)
			*c = AtLeast(int(n))
			return orBad(bad, err)
		}
		if low, high, ok := strings.Cut(v, ".."); ok {
			n, err := strconv.ParseUint(low, 10, 30)
			m, err2 := strconv.ParseUint(high, 10, 30)
			*c = Count{int(n), int(m)}
			if n > m {
				return bad
			}
			return orBad(bad, err, err2)
		}
	}
	return bad
}

func orBad(bad error, errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return bad
		}
	}
	return nil
}
