//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/rig"
)

func TestLogIsTextOrJSONFromALevelOn(t *testing.T) {
	for _, c := range []struct {
		flags runCmd
		want  int // of the four lines
	}{
		{runCmd{Log: "text", LogLevel: "info"}, 3},
		{runCmd{Log: "text", LogLevel: "debug"}, 4},
		{runCmd{Log: "text", LogLevel: "error"}, 1},
		{runCmd{Log: "text", LogLevel: "error", Verbose: true}, 4},
		{runCmd{Log: "json", LogLevel: "warn"}, 2},
	} {
		var b bytes.Buffer
		log, end := c.flags.logger(&b)
		log.Debug("d", "role", "primary", "pid", 7)
		log.Info("i")
		log.Warn("w")
		log.Error("e")
		end()
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		require.Len(t, lines, c.want, "%+v", c.flags)
		for _, l := range lines {
			require.Equal(t, c.flags.Log == "json", json.Valid([]byte(l)), l)
		}
	}
}

func TestLogThatIsNotReadBlocksNothing(t *testing.T) {
	var dead, w rig.Log
	dead.Lock()
	defer dead.Unlock()
	log, end := newLog(&dead, true, slog.LevelInfo)
	const lines = 3 * logQueue
	for i := range lines {
		log.Info("line", "n", i) // does not block
	}
	end() // nor does this

	log, end = newLog(&w, true, slog.LevelInfo)
	w.Lock()
	for i := range lines {
		log.Info("line", "n", i)
	}
	w.Unlock()
	end()
	seen, missing := 0, 0
	for dec := json.NewDecoder(strings.NewReader(w.String())); ; {
		var l struct {
			Msg   string
			Lines int
		}
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if l.Msg == "line" {
			seen++
		}
		missing += l.Lines
	}
	require.NotZero(t, missing)
	require.Equal(t, lines, seen+missing, "dropped lines are counted")
}

func TestClosedLogIsSilent(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	log, end := newLog(w, false, slog.LevelInfo)
	log.Info("into a pipe without a reader")
	end()
	require.NoError(t, w.Close())
	log, end = newLog(w, false, slog.LevelInfo)
	log.Info("into a closed file")
	end()
}
