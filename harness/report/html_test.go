package report

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"chronus/harness/metric"

	"github.com/stretchr/testify/require"
)

// verified writes the files of a verification in which everything happened into
// a folder.
func verified(t *testing.T) (dir string, s *Summary) {
	t.Helper()
	dir = t.TempDir()
	s = junit()
	s.Scenarios[0].Processes, s.Scenarios[1].Processes = bench(1)[0].Processes, bench(3)[0].Processes
	for i, r := range s.Scenarios[:2] {
		for _, run := range r.Processes {
			run.Scenario = r.Scenario
		}
		s.Scenarios[i].Figures = Figures(r.Processes)
		s.Scenarios[i].BlockNS = 5_804_988
		s.Scenarios[i].Budgets = []Held{{"detect-x-floor", 0.4, 1}, {"promote-p50-ns", 616_000, 500_000}}
	}
	s.Scenarios[0].Allowed = map[string]float64{metric.LostFrames: 1024}
	meta := Meta{Commit: "abc123", Command: `verify --run '<script>alert(1)</script>'`, Seed: 7, Machine: benchMachine}
	require.NoError(t, WriteDir(dir, meta, s))
	return dir, s
}

func TestThePageShowsWhatTheFilesSay(t *testing.T) {
	dir, _ := verified(t)
	file, err := WriteHTML(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "report.html"), file)
	text := string(read(t, file))
	for _, want := range []string{
		`<span class="verdict fail">fail</span>`, `<span class="verdict invalid-host">invalid host</span>`, "needs portaudio: no device",
		"abc123", "Intel(R) Xeon(R)", "&lt;script&gt;", "--seed 7", "kept: results/latest/failures/kill-both-2",
		"lost-frames is 256, at most 0", "<small>≤ 1.00</small>", "<small>≤ 1024</small>", `<td class="bad">`, "replicas-disagree", ">promote p50<", ">disagree<",
		"detect: p50 ", "mend: p50 ",
	} {
		require.Contains(t, strings.ReplaceAll(text, "&#43;", "+"), want)
	}
	for _, never := range []string{"<script", "NaN", "Inf", "<no value>", "%!", "ZgotmplZ"} {
		require.NotContains(t, text, never)
	}
	require.Equal(t, 2, strings.Count(text, `role="img"`), "a chart for each scenario that has times")
	require.NotRegexp(t, regexp.MustCompile(`(?i)(src|href)=|url\(|@import|https?://`), text, "it needs no other file")
}

func TestThePageOfFilesThatAreMissingOrBroken(t *testing.T) {
	dir, _ := verified(t)
	for _, name := range []string{CyclesFile, MetaFile, VerdictFile} {
		good := read(t, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("BenchmarkX y\n{"), 0o644))
		_, err := WriteHTML(dir)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "\n")
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
		_, err = WriteHTML(dir)
		require.ErrorContains(t, err, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), good, 0o644))
	}
	require.NoFileExists(t, filepath.Join(dir, HTMLFile))
}

func TestChartsAreWellFormedAndKeepToTheirPlace(t *testing.T) {
	m, _ := metric.Lookup(metric.Detect)
	many := make([]float64, 5000)
	for i := range many {
		many[i] = 1e-4 * math.Pow(10, float64(i)/2500)
	}
	for name, samples := range map[string][]float64{"one": {0.001}, "equal": {2e-3, 2e-3, 2e-3}, "many": many, "far": {1e-9, 100}} {
		t.Run(name, func(t *testing.T) {
			curves := []curve{{m, "curve1", samples}}
			svg := string(chart(`<"&`, curves, spanOf([][]curve{curves}), 0.0058))
			d := xml.NewDecoder(strings.NewReader(svg))
			for {
				_, err := d.Token()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
			}
			path := regexp.MustCompile(`d="M([^"]*)"`).FindStringSubmatch(svg)[1]
			require.LessOrEqual(t, strings.Count(path, "V"), curvePoints)
			require.True(t, strings.HasSuffix(path, "V10.0"), "it ends at 100 %%: %s", path)
			for _, h := range regexp.MustCompile(`H([\d.-]+)`).FindAllStringSubmatch(path, -1) {
				require.Regexp(t, `^\d`, h[1])
			}
		})
	}
	require.Equal(t, span{-4, -1}, spanOf(nil))
}

func TestCommandsAreWrittenAsAShellTakesThem(t *testing.T) {
	require.Equal(t, `bin/chronus verify --run '^(a|b)$' --seed 5 --out 'it'\''s' ''`,
		shell([]string{"bin/chronus", "verify", "--run", "^(a|b)$", "--seed", "5", "--out", "it's", ""}))
}
