package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteJUnit writes junit.xml in the form that Jenkins prescribes (junit-10.xsd
// of its xunit plugin) and that the readers of GitHub and GitLab accept: one
// suite, with a test case per scenario.
//
// A verdict is mapped to what a CI shows as such. Fail is a failure. Invalid
// host and no verdict are errors: nothing was proved, and it must not look like
// a pass. Not run is skipped, but a failure if all scenarios are required, and
// an error if the verification ended early.
//
// The XML is written by hand, with encoding/xml and five structs. The best-kept
// library for it (go-junit-report's package junit) puts texts into CDATA
// sections, where encoding/xml leaves control characters as they are: one
// colour sequence in an engine's log, and no reader takes the file.
func WriteJUnit(w io.Writer, meta Meta, s *Summary) error {
	suite := junitSuite{
		Name: "chronus verify", Tests: len(s.Scenarios), Time: seconds(s.Seconds), Timestamp: meta.Date,
		Properties: []junitProperty{
			{"verdict", string(s.Verdict)},
			{"profile", s.Profile},
			{"seed", strconv.FormatUint(s.Seed, 10)},
			{"command", meta.Command},
			{"commit", meta.Commit},
			{"dirty", strconv.FormatBool(meta.Dirty)},
			{"scheduling", meta.Scheduling},
			{"cpu", meta.Machine.CPU},
			{"kernel", meta.Machine.Kernel},
		},
	}
	for i := range s.Scenarios {
		c := junitCaseOf(&s.Scenarios[i], s)
		suite.Cases = append(suite.Cases, c)
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	all := junitSuites{
		Name: suite.Name, Time: suite.Time, Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors,
		Suites: []junitSuite{suite},
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, text); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func junitCaseOf(r *Result, s *Summary) junitCase {
	c := junitCase{Class: "chronus.scenarios", Name: r.Scenario, Time: seconds(r.Seconds)}
	if r.Cycles > 0 {
		c.Out = fmt.Sprintf("%d engine processes, %d faults; cycles that lost frames: %s\n", r.Runs, r.Cycles, r.Bound)
	}
	required := false
	var detail strings.Builder
	for _, f := range s.Failures { // these include what was required and not run
		if f.Scenario != r.Scenario {
			continue
		}
		required = true
		fmt.Fprintf(&detail, "%s\n", f)
		for _, d := range f.Detail {
			fmt.Fprintf(&detail, "    %s\n", d)
		}
		for _, dir := range f.Kept {
			fmt.Fprintf(&detail, "    kept: %s\n", dir)
		}
	}
	if r.Repeat != "" {
		fmt.Fprintf(&detail, "repeat: %s\n", r.Repeat)
	}
	why := r.Why
	if r.Failed != "" {
		why = strings.TrimPrefix(r.Why+": "+r.Failed, ": ")
	}
	outcome := &junitOutcome{Message: why, Type: string(r.Verdict), Text: detail.String()}
	switch r.Verdict {
	case Pass:
	case Fail:
		c.Failure = outcome
	case NotRun:
		switch {
		case required:
			c.Failure = outcome
		case s.Why != "":
			c.Error = outcome
		default:
			c.Skipped = outcome
		}
	default:
		c.Error = outcome
	}
	return c
}

// seconds formats a time in the one form that all readers accept: no thousands
// separator, no exponent.
func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Time     string       `xml:"time,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Class   string        `xml:"classname,attr"`
	Skipped *junitOutcome `xml:"skipped"`
	Error   *junitOutcome `xml:"error"`
	Failure *junitOutcome `xml:"failure"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}
