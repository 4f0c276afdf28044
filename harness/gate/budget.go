package gate

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"chronus/engine/quantile"
	"chronus/harness/metric"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// budgets judges what a scenario's file allows for times, on the median of its
// engine processes, which one slow process does not move. A process that has no
// samples does not count; if none has any, the budget fails: what it limits was
// not measured.
func budgets(s *scenario.Scenario, runs []*report.Run) (held []report.Held, failures []report.Failure) {
	for _, name := range slices.Sorted(maps.Keys(s.Judge.Budget)) {
		b, _ := metric.ParseBudget(name) // the loader has checked it
		limit := s.Judge.Budget[name]
		var values []float64
		applies := false
		for _, run := range runs {
			if !b.Kind.Travels() && !run.Engine.Fifo || len(run.Cycles) == 0 {
				continue
			}
			applies = true
			if v := measure(b, run); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		if !applies {
			continue
		}
		if len(values) == 0 {
			failures = append(failures, report.Failure{Assertion: name, Limit: limit, Detail: []string{"nothing was measured"}})
			continue
		}
		median := finite(quantile.Of(values, 0.5))
		held = append(held, report.Held{Budget: name, Value: median, Limit: limit})
		if median > limit {
			failures = append(failures, report.Failure{
				Assertion: name, Count: median, Limit: limit,
				Detail: []string{fmt.Sprintf("median of %d engine processes, from %.3g to %.3g",
					len(values), slices.Min(values), slices.Max(values))},
			})
		}
	}
	return held, failures
}

// measure returns the value of a budget in one engine process; NaN if there are
// no samples.
func measure(b metric.Budget, run *report.Run) float64 {
	samples, floor := run.Samples(b.Metric), run.Samples(b.Floor())
	switch b.Kind {
	case metric.TimesFloor:
		return quantile.Of(samples, 0.5) / quantile.Of(floor, 0.5)
	case metric.PastLead:
		return quantile.Of(samples, 0.99) - float64(run.Engine.LeadNS+run.Engine.BlockNS)
	case metric.BeyondBlock:
		return max(0, share(samples, run.Engine.BlockNS)-share(floor, run.Engine.BlockNS))
	}
	return quantile.Of(samples, 0.5)
}

// share returns the share of the samples that are longer than a block; NaN if
// there are none.
func share(samples []float64, block int64) float64 {
	n := 0
	for _, v := range samples {
		if v > float64(block) {
			n++
		}
	}
	return float64(n) / float64(len(samples))
}
