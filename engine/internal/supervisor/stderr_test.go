package supervisor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// logged returns a log in JSON, and a function that returns its next line.
func logged(t *testing.T, level slog.Level) (*slog.Logger, func() map[string]any) {
	from, to := io.Pipe()
	lines := bufio.NewScanner(from)
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level})), func() map[string]any {
		require.True(t, lines.Scan())
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		return line
	}
}

func TestWhatAChildWritesToStderrIsOneLineOfTheLog(t *testing.T) {
	log, next := logged(t, slog.LevelInfo)
	w := newStderr(log, "role", "player")
	require.NotNil(t, w)
	for i := range 440 {
		fmt.Fprintf(w, "goroutine %d [running]: %s\n\n", i, strings.Repeat("x", 10_000))
	}
	fmt.Fprint(w, "an end without a newline \xff")
	require.NoError(t, w.Close())

	line := next()
	require.Equal(t, "player", line["role"])
	require.Equal(t, "WARN", line["level"])
	text := line["text"].(string)
	require.True(t, strings.HasPrefix(text, "goroutine 0 [running]: xxx"), text)
	require.Contains(t, text, " | goroutine 3 [running]: ")
	require.NotContains(t, text, "\n")
	require.Less(t, len(text), 800)

	// No more than one line per second came meanwhile, so all is in this line
	// or in a few more.
	for said := counted(text); said < 441; {
		said += counted(next()["text"].(string))
	}
}

// counted returns how many lines a line of the log stands for.
func counted(text string) int {
	parts := strings.Split(text, " | ")
	more := 0
	if _, err := fmt.Sscanf(parts[len(parts)-1], "and %d more lines", &more); err == nil {
		return len(parts) - 1 + more
	}
	return len(parts)
}

func TestAtDebugEachLineOfAChildIsLogged(t *testing.T) {
	log, next := logged(t, slog.LevelDebug)
	w := newStderr(log)
	fmt.Fprint(w, "one\ntw")
	fmt.Fprint(w, "o\n")
	require.NoError(t, w.Close())
	require.Equal(t, "one", next()["text"])
	require.Equal(t, "two", next()["text"])
	require.Equal(t, "one | two", next()["text"])
}

func TestAChildWritesWhatItIsGiven(t *testing.T) {
	log, next := logged(t, slog.LevelInfo)
	exe, err := OpenExecutable("/bin/sh")
	require.NoError(t, err)
	defer exe.Close()
	s := newSpawner()
	defer s.close()
	s.jobs <- job{
		exe: exe, args: []string{"-c", "echo ouch >&2"}, stderr: newStderr(log),
		done: func(p *os.Process, err error) {
			require.NoError(t, err)
			_, _ = p.Wait()
		},
	}
	require.Equal(t, "ouch", next()["text"])
}
