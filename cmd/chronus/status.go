//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"chronus/engine/control"
)

// statusCmd is `chronus status`.
type statusCmd struct {
	Control  string        `help:"Path of the engine's control socket." placeholder:"PATH"`
	JSON     bool          `help:"Print one JSON object per line."`
	Watch    bool          `help:"Repeat until Ctrl-C, across restarts of the engine."`
	Interval time.Duration `help:"Time between updates with --watch." default:"1s"`
}

// answerWithin is how long an engine may take to answer. One that is stopped
// (SIGSTOP) never does.
const answerWithin = 5 * time.Second

// Run prints the status of a running engine.
func (s *statusCmd) Run(out io.Writer) error {
	path := s.Control
	if path == "" {
		path = control.DefaultPath()
	}
	if s.Interval <= 0 {
		return usage(fmt.Errorf("--interval %s: must be more than 0", s.Interval))
	}
	client := control.NewClient(path)
	if s.Watch {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return s.watch(ctx, client, out)
	}
	st, err := ask(context.Background(), client, answerWithin)
	if err != nil {
		return err
	}
	text, err := s.text(st)
	if err != nil {
		return err
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !s.JSON {
		text = paint(text)
	}
	_, err = out.Write(text)
	return err
}

func ask(ctx context.Context, client *control.Client, within time.Duration) (*control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	st, err := client.Status(ctx)
	if err == nil {
		place(st)
	}
	return st, err
}

func (s *statusCmd) text(st *control.Status) ([]byte, error) {
	if s.JSON {
		line, err := json.Marshal(st)
		return append(line, '\n'), err
	}
	var b bytes.Buffer
	writeStatus(&b, st)
	return b.Bytes(), nil
}

// watch shows the status every interval until ctx ends. If there is no engine
// it waits for one.
func (s *statusCmd) watch(ctx context.Context, client *control.Client, out io.Writer) error {
	show := func(text []byte) error { _, err := out.Write(text); return err }
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !s.JSON {
		screen := screen{f}
		screen.begin()
		defer screen.end()
		show = screen.show
	}
	tick := time.NewTicker(s.Interval)
	defer tick.Stop()
	for n := 0; ; n++ {
		st, err := ask(ctx, client, max(answerWithin, s.Interval))
		if ctx.Err() != nil {
			return nil
		}
		var text []byte
		if err == nil {
			text, err = s.text(st)
		}
		switch {
		case err != nil && s.JSON:
			text, _ = json.Marshal(map[string]string{"error": err.Error() + ", waiting"})
			text = append(text, '\n')
		case err != nil:
			text = []byte(err.Error() + ", waiting\n")
		}
		if n > 0 && !s.JSON {
			text = append([]byte("\n"), text...)
		}
		if err := show(text); err != nil {
			return fmt.Errorf("status: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// screen is a terminal on which one status overwrites the one before.
type screen struct{ *os.File }

func (s screen) begin() { fmt.Fprint(s, "\x1b[?25l\x1b[2J") } // hides the cursor

func (s screen) end() { fmt.Fprint(s, "\x1b[?25h") }

// show overwrites what is on the screen. It clips the text to the terminal's
// size, since anything more would scroll.
func (s screen) show(text []byte) error {
	width, height, err := term.GetSize(int(s.Fd()))
	if err != nil || width < 1 || height < 2 {
		width, height = 80, 24
	}
	text = paint(clip(bytes.TrimPrefix(text, []byte("\n")), width, height-1))
	text = bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\n"))
	_, err = fmt.Fprintf(s, "\x1b[H%s\x1b[J", text)
	return err
}

func clip(text []byte, width, height int) []byte {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	lines = lines[:min(len(lines), height)]
	for i, l := range lines {
		if r := []rune(l); len(r) > width {
			lines[i] = string(r[:width])
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// paint colors a status for a terminal, unless NO_COLOR is set (no-color.org).
func paint(text []byte) []byte {
	if os.Getenv("NO_COLOR") != "" {
		return text
	}
	const bold, red, green, yellow, plain = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"
	lines := strings.SplitAfter(string(text), "\n")
	state, rest, _ := strings.Cut(lines[0], " ")
	switch state {
	case control.StatePlaying:
		lines[0] = bold + green + state + plain + " " + rest
	case control.StateStarting, control.StateStopping, control.StateStopped:
		lines[0] = bold + yellow + state + plain + " " + rest
	}
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "role "):
			lines[i] = bold + strings.TrimSuffix(l, "\n") + plain + "\n"
		case strings.Contains(l, "lost frames ") && !strings.Contains(l, "lost frames 0 "):
			lines[i] = red + strings.TrimSuffix(l, "\n") + plain + "\n"
		}
	}
	return []byte(strings.Join(lines, ""))
}
