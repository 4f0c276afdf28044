package supervisor

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLinesBeyondTheLimitAreCounted(t *testing.T) {
	var out bytes.Buffer
	base := limit(slog.NewTextHandler(&out, nil))
	derived := base.WithAttrs([]slog.Attr{slog.Int("slot", 1)})
	now := time.Unix(0, 0)
	log := func(h slog.Handler, message string) {
		require.NoError(t, h.Handle(context.Background(), slog.NewRecord(now, slog.LevelInfo, message, 0)))
	}
	for range limitLines {
		log(base, "down")
		log(derived, "down") // it counts with the others
	}
	log(base, "up")
	require.Equal(t, limitLines, strings.Count(out.String(), "msg=down"))
	require.Equal(t, 1, strings.Count(out.String(), "msg=up"), "another message has a count of its own")
	require.NotContains(t, out.String(), "left_out")
	out.Reset()
	now = now.Add(time.Second)
	log(derived, "down")
	log(base, "down")
	require.Equal(t, 2, strings.Count(out.String(), "msg=down"))
	require.Equal(t, 1, strings.Count(out.String(), "left_out=20"), "once")
}
