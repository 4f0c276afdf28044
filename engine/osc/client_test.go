package osc

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"chronus/engine/command"

	"github.com/stretchr/testify/require"
)

func TestClientRefusesWhatTheServerWouldRefuse(t *testing.T) {
	c, err := Dial("127.0.0.1:9")
	require.NoError(t, err)
	defer c.Close()
	for _, tc := range []struct {
		name    string
		address string
		args    []any
		want    string
	}{
		{"no slash", "mod/sine1/freq", nil, "neither a message nor a bundle"},
		{"space", "/mod/sine 1", nil, "an invalid character"},
		{"zero byte in the address", "/mod\x00/x", nil, "zero byte in a string"},
		{"zero byte in a string", "/x", []any{"a\x00b"}, "zero byte in a string"},
		{"unsupported type", "/x", []any{struct{}{}}, "unsupported type: struct {}"},
		{"too large", "/x", []any{strings.Repeat("x", MaxMessage)}, "(at most 4096)"},
		{"too many arguments", "/x", make([]any, maxTags+1), "65 arguments (at most 64)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := c.Send(tc.address, tc.args...)
			require.ErrorContains(t, err, tc.want)
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorIs(t, c.SendAt(time.Now(), tc.address, tc.args...), ErrMalformed)
			_, err = c.Check(0, time.Time{}, tc.address, tc.args...)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

func TestClientRecoversOnceTheServerIsBack(t *testing.T) {
	c, addr := dialNothing(t)
	_ = c.Send("/lost") // nothing listens: the kernel keeps the refusal for the next call

	host, port := splitPort(t, addr)
	s, err := Listen(host, port)
	require.NoError(t, err)
	got := make(chan string, 1)
	serve(t, s, HandlerFunc(func(m *Message) error { got <- m.Address; return nil }))
	require.NoError(t, c.Send("/found"))
	select {
	case a := <-got:
		require.Equal(t, "/found", a)
	case <-time.After(patience):
		t.Fatal("the message after the refused one was lost")
	}
}

// dialNothing returns a client of an address on which nothing listens.
func dialNothing(t *testing.T) (c *Client, addr string) {
	t.Helper()
	s := listen(t)
	addr = s.Addr()
	require.NoError(t, s.Close())
	c, err := Dial(addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, addr
}

func splitPort(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return host, n
}

func TestDialErrorNamesTheAddress(t *testing.T) {
	_, err := Dial("127.0.0.1")
	require.EqualError(t, err, "osc: 127.0.0.1: missing port in address")
}

func TestClientReportsThatNothingListens(t *testing.T) {
	c, addr := dialNothing(t)
	_, err := c.Check(patience, time.Time{}, "/x")
	require.ErrorIs(t, err, ErrNotListening)
	require.EqualError(t, err, "osc: "+addr+": nothing is listening there")
	_, err = c.Ask("/engine/status", patience)
	require.ErrorIs(t, err, ErrNotListening)
}

func TestClientWaitsNoLongerThanItsLimit(t *testing.T) {
	s := listen(t) // never reads
	defer s.Close()
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	said, err := c.Check(time.Millisecond, time.Time{}, "/x")
	require.NoError(t, err)
	require.Empty(t, said)
	_, err = c.Ask("/engine/status", time.Millisecond)
	require.EqualError(t, err, "osc: "+s.Addr()+": no answer to /engine/status within 1ms")
}

func TestSendAllIsOneBundle(t *testing.T) {
	got := make(chan []Message, 1)
	s := listen(t)
	serve(t, s, handler(func(datagram []Message) error {
		var plain []Message
		for _, m := range datagram {
			plain = append(plain, Message{Address: m.Address, Args: m.Args})
		}
		got <- plain
		return nil
	}))
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	all := []Message{{Address: "/a", Args: []any{int32(1)}}, {Address: "/b", Args: []any{"x"}}}
	require.NoError(t, c.SendAll(all))
	require.Equal(t, all, <-got)
	require.ErrorIs(t, c.SendAll([]Message{{Address: "x"}}), ErrMalformed)
}

func TestCheckReturnsWhatTheServerSaysOfTheMessage(t *testing.T) {
	var got []command.Command
	s := listen(t)
	r := testRouter(&got)
	r.on(CheckAddress, func(q Request) {
		_ = s.Answer(q.From, CheckAddress, func() []any { return []any{cmp.Or(q.Problem, Taken)} })
	})
	r.Timeline = func(now int64) Timeline {
		return Timeline{Rate: 44100, Frame: 44100, FrameNS: now, WallNS: time.Now().UnixNano() - now, NowNS: now}
	}
	serve(t, s, r)
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	for _, tc := range []struct {
		address string
		arg     any
		at      time.Time
		want    string
	}{
		{"/mod/sine1/freq", 1, time.Time{}, Taken},
		{"/mod/sine1/freq", 1, time.Now().Add(10 * time.Second), Taken},
		{"/mod/sine1/freq", "x", time.Now().Add(10 * time.Second), Refused + `"/mod/sine1/freq": want a number, got the string "x"`},
		{"/mod/sine1/freq", 1, time.Now().Add(-time.Hour), Late + `"/mod/sine1/freq": time tag 3600 s behind: acts at once`},
	} {
		said, err := c.Check(patience, tc.at, tc.address, tc.arg)
		require.NoError(t, err)
		require.Equal(t, tc.want, said)
	}
}

func TestSendAtIsABundleWithATimeTag(t *testing.T) {
	got := make(chan Message, 1)
	s := listen(t)
	serve(t, s, HandlerFunc(func(m *Message) error {
		got <- Message{Address: m.Address, Args: m.Args, TimeTag: m.TimeTag}
		return nil
	}))
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	at := time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	require.NoError(t, c.SendAt(at, "/x", 7, "text"))
	require.Equal(t, Message{
		Address: "/x", Args: []any{int32(7), "text"}, TimeTag: uint64(at.Unix()+2208988800)<<32 | 1<<31,
	}, <-got)
}
