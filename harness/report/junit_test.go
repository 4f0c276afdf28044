package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// junit returns a verification with each verdict, and with text that XML cannot
// hold as it is.
func junit() *Summary {
	s := summary()
	s.Failures[0].Detail = []string{`run 2: "<&>' ]]> ` + "\x1b[31mred\x00 \xff"}
	s.Scenarios[1].Failures, s.Scenarios[1].Failed, s.Scenarios[1].Repeat = s.Failures, s.Failures[0].String(), s.Failures[0].Repeat
	s.Scenarios[0].Seconds = 1234.5678
	s.Scenarios = append(
		s.Scenarios,
		Result{Scenario: "stop-primary", Verdict: InvalidHost, Why: "the machine stood still", Failed: "lost-frames is 256, at most 0", Cycles: 4},
		Result{Scenario: "term-primary", Verdict: NoVerdict, Why: "no cycle was completed"},
		Omitted("loud", "needs portaudio: no device", "bin/chronus verify --run '^loud$'"),
	)
	return s
}

func writeJUnit(t *testing.T, s *Summary) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WriteJUnit(&b, Meta{Date: "2026-11-24T10:00:00Z", Command: `chronus verify --run "<x>"`, Seed: 7}, s))
	return b.Bytes()
}

// junit10 is the part of junit-10.xsd that concerns these files: the attributes
// that an element may and must have, and the elements that it may contain.
var junit10 = map[string]struct{ must, may, in []string }{
	"testsuites": {nil, []string{"name", "time", "tests", "failures", "errors"}, []string{"testsuite"}},
	"testsuite": {
		[]string{"name", "tests", "failures", "errors"},
		[]string{"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
		[]string{"properties", "testcase", "system-out", "system-err"},
	},
	"properties": {nil, nil, []string{"property"}},
	"property":   {[]string{"name", "value"}, nil, nil},
	"testcase":   {[]string{"name"}, []string{"time", "classname", "group"}, []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"skipped":    {nil, []string{"type", "message"}, nil},
	"error":      {nil, []string{"type", "message"}, nil},
	"failure":    {nil, []string{"type", "message"}, nil},
	"system-out": {nil, nil, nil},
}

func TestJUnitHasTheFormOfItsSchema(t *testing.T) {
	text := writeJUnit(t, junit())
	golden(t, filepath.Join("testdata", "junit.xml"), text)
	d := xml.NewDecoder(bytes.NewReader(text))
	var path []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			form, ok := junit10[name]
			require.True(t, ok, name)
			if len(path) == 0 {
				require.Equal(t, "testsuites", name)
			} else {
				require.Contains(t, junit10[path[len(path)-1]].in, name)
			}
			path = append(path, name)
			var has []string
			for _, a := range e.Attr {
				require.True(t, slices.Contains(form.must, a.Name.Local) || slices.Contains(form.may, a.Name.Local), "%s: %s", name, a.Name.Local)
				has = append(has, a.Name.Local)
				switch a.Name.Local {
				case "time":
					require.Regexp(t, `^\d+\.\d{3}$`, a.Value)
				case "message":
					require.NotContains(t, a.Value, "\n", "one line")
				}
			}
			for _, a := range form.must {
				require.Contains(t, has, a)
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
	require.Empty(t, path)
}

func TestJUnitShowsEachVerdictAsWhatItIs(t *testing.T) {
	type outcome struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	var all struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suite    struct {
			Skipped int `xml:"skipped,attr"`
			Cases   []struct {
				Name    string   `xml:"name,attr"`
				Failure *outcome `xml:"failure"`
				Error   *outcome `xml:"error"`
				Skipped *outcome `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	counts := func(s *Summary) []int {
		all.Suite.Cases = nil
		require.NoError(t, xml.Unmarshal(writeJUnit(t, s), &all))
		return []int{all.Tests, all.Failures, all.Errors, all.Suite.Skipped}
	}
	require.Equal(t, []int{5, 1, 2, 1}, counts(junit()))
	c := all.Suite.Cases
	require.True(t, c[0].Failure == nil && c[0].Error == nil && c[0].Skipped == nil, "a pass")
	require.Equal(t, "lost-frames is 256, at most 0", c[1].Failure.Message)
	for _, want := range []string{"repeat: chronus verify --run '^kill-both$' --seed 7", "kept: results/latest/failures/kill-both-2", `"<&>' ]]>`} {
		require.Contains(t, c[1].Failure.Text, want)
	}
	require.Equal(t, "the machine stood still: lost-frames is 256, at most 0", c[2].Error.Message, "never a pass")
	require.Equal(t, "no cycle was completed", c[3].Error.Message)
	require.Equal(t, "needs portaudio: no device", c[4].Skipped.Message)

	required := junit()
	required.Failures = append(required.Failures, Failure{Scenario: "loud", Assertion: "require-all", Count: 1})
	require.Equal(t, []int{5, 2, 2, 0}, counts(required), "what is required and was not run fails")
	interrupted := junit()
	interrupted.Why = "interrupted"
	require.Equal(t, []int{5, 1, 3, 0}, counts(interrupted), "what an interrupt left out is not a pass either")
}

// Whatever a name or a detail contains, the file stays XML.
func FuzzJUnit(f *testing.F) {
	f.Add("kill", "run 1: <&\x00>", "\xff\xfe", 1.5)
	f.Fuzz(func(t *testing.T, name, detail, why string, seconds float64) {
		s := &Summary{Verdict: Fail, Why: why, Scenarios: []Result{{Scenario: name, Verdict: Fail, Why: why, Failed: detail, Repeat: why, Seconds: seconds}}}
		s.Failures = []Failure{{Scenario: name, Assertion: name, Detail: []string{detail}, Kept: []string{why}}}
		var b bytes.Buffer
		if err := WriteJUnit(&b, Meta{Command: detail}, s); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(&b)
		for {
			if _, err := d.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSecondsAreWrittenWithoutThousandsAndExponents(t *testing.T) {
	for _, v := range []float64{0, 0.0004, 12.5, 86400, 1e7} {
		require.Regexp(t, regexp.MustCompile(`^\d+\.\d{3}$`), seconds(v))
		_, err := strconv.ParseFloat(seconds(v), 64)
		require.NoError(t, err)
	}
	require.False(t, strings.ContainsAny(seconds(1e9), "e,"))
}
