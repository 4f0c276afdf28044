package fault

import (
	"context"
	"testing"

	"pgregory.net/rapid"
)

// recorder is a fault that records its calls, and fails in the one named fail.
type recorder struct {
	calls []string
	fail  string
}

func (r *recorder) call(name string) error {
	r.calls = append(r.calls, name)
	if name == r.fail {
		return errPlanted
	}
	return nil
}

func (r *recorder) Setup(context.Context, Engine) ([]Victim, error) { return nil, r.call("Setup") }
func (r *recorder) Inject(context.Context) (Moment, error)          { return Moment{}, r.call("Inject") }
func (r *recorder) Wait(context.Context) error                      { return r.call("Wait") }
func (r *recorder) Recover(context.Context) error                   { return r.call("Recover") }
func (r *recorder) Cleanup()                                        { r.call("Cleanup") }

// Whatever is called in whatever order, a fault sees its steps once each and in
// order, none after one that failed, and Cleanup exactly once, at the end.
func TestSessionKeepsTheOrder(t *testing.T) {
	order := []string{"Setup", "Inject", "Wait", "Recover"}
	rapid.Check(t, func(t *rapid.T) {
		r := &recorder{fail: rapid.SampledFrom(append([]string{"nothing"}, order...)).Draw(t, "fail")}
		s := Begin(r)
		ctx := context.Background()
		done, broken, closed := 0, false, false // the model
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			name := rapid.SampledFrom(append([]string{"Close"}, order...)).Draw(t, "step")
			var err error
			switch name {
			case "Setup":
				_, err = s.Setup(ctx, nil)
			case "Inject":
				_, err = s.Inject(ctx)
			case "Wait":
				err = s.Wait(ctx)
			case "Recover":
				err = s.Recover(ctx)
			case "Close":
				s.Close()
				closed = true
				continue
			}
			due := !broken && !closed && done < len(order) && order[done] == name
			if due {
				done++
				broken = r.fail == name
			}
			if want := !due || broken && r.fail == name; want != (err != nil) {
				t.Fatalf("%s after %v: %v", name, r.calls, err)
			}
		}
		s.Close()
		s.Close()
		want := append(append([]string{}, order[:done]...), "Cleanup")
		if len(r.calls) != len(want) {
			t.Fatalf("calls %v, want %v", r.calls, want)
		}
		for i := range want {
			if r.calls[i] != want[i] {
				t.Fatalf("calls %v, want %v", r.calls, want)
			}
		}
	})
}
