package osc

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"chronus/engine/command"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must happen. No test measures
// time.
const patience = 30 * time.Second

// serve runs s until the test ends.
func serve(t *testing.T, s *Server, h Handler) {
	t.Helper()
	var done sync.WaitGroup
	done.Go(func() { s.Serve(h) })
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		done.Wait()
	})
}

func listen(t *testing.T) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1", 0)
	require.NoError(t, err)
	return s
}

func TestValidCommandRightAfterTwoThousandHostileDatagramsIsDelivered(t *testing.T) {
	commands := make(chan []command.Command, 16)
	r := testRouter(nil)
	r.Sink = func(c []command.Command) bool { commands <- c; return true }
	s := listen(t)
	serve(t, s, r)
	c, err := net.Dial("udp", s.Addr())
	require.NoError(t, err)
	defer c.Close()

	all := hostiles(t)
	const n = 2000
	for i := range uint64(n) {
		_, err := c.Write(all[i%uint64(len(all))].data)
		require.NoError(t, err)
		// Keep no more in flight than the smallest receive buffer holds: a drop
		// would prove nothing.
		if i%32 == 0 {
			require.Eventually(t, func() bool { return s.Packets.Load() >= i }, patience, time.Millisecond)
		}
	}
	_, err = c.Write(packet(t, "/mod/sine1/freq", float32(880)))
	require.NoError(t, err)
	select {
	case got := <-commands:
		require.Len(t, got, 1)
		require.Equal(t, 880.0, got[0].Value)
		require.Positive(t, got[0].RecvNS)
	case <-time.After(patience):
		t.Fatal("the command did not arrive")
	}
	require.EqualValues(t, n+1, s.Packets.Load())
	require.EqualValues(t, n, s.Bad.Load())
	require.Zero(t, s.KernelDrops())
	require.Empty(t, commands)
}

func TestCommandsArriveInOrderWithTheirSender(t *testing.T) {
	type seen struct {
		value int32
		from  netip.AddrPort
	}
	got := make(chan seen, 100)
	s := listen(t)
	serve(t, s, HandlerFunc(func(m *Message) error {
		got <- seen{m.Args[0].(int32), m.From}
		return nil
	}))
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	for i := range 100 {
		require.NoError(t, c.Send("/n", i))
	}
	for i := range int32(100) {
		require.Equal(t, seen{i, netip.MustParseAddrPort(c.conn.LocalAddr().String())}, <-got)
	}
}

// TestEveryDatagramSentIsCountedOnce floods a socket beyond what its buffer
// holds, once while nothing is received and once at the end.
func TestEveryDatagramSentIsCountedOnce(t *testing.T) {
	s := listen(t)
	granted, asked := s.Buffer()
	require.Positive(t, granted)
	require.LessOrEqual(t, granted, asked)
	c, err := net.Dial("udp", s.Addr())
	require.NoError(t, err)
	defer c.Close()
	big := bundle(Immediately, append([]byte("/x"), make([]byte, 60002)...))
	sent := uint64(0)
	flood := func() {
		for range 1000 { // 60 MB
			_, err := c.Write(big)
			require.NoError(t, err)
			sent++
		}
	}
	flood()
	lost := s.KernelDrops()
	require.Positive(t, lost, "known without another datagram")
	var done sync.WaitGroup
	held := make(chan struct{})
	done.Go(func() {
		s.Serve(handler(func(messages []Message) error {
			if messages[0].Address == "/hold" {
				<-held
			}
			return nil
		}))
	})
	require.Eventually(t, func() bool { return s.Packets.Load()+s.KernelDrops() == sent }, patience, time.Millisecond)
	_, err = c.Write(packet(t, "/hold"))
	require.NoError(t, err)
	sent++
	require.Eventually(t, func() bool { return s.Packets.Load()+s.KernelDrops() == sent }, patience, time.Millisecond)
	flood()
	require.Greater(t, s.KernelDrops(), lost)
	require.NoError(t, s.Close())
	require.Equal(t, sent, s.Packets.Load()+s.KernelDrops(), "what was not received is counted at the end")
	close(held)
	done.Wait()
	require.Equal(t, sent, s.Packets.Load()+s.KernelDrops())
}

// flaky is a socket whose first reads fail.
type flaky struct {
	conn
	errs []error
}

func (f *flaky) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return 0, netip.AddrPort{}, err
	}
	return f.conn.ReadFromUDPAddrPort(b)
}

func TestReceiveErrorsDoNotEndServing(t *testing.T) {
	s := listen(t)
	s.conn = &flaky{s.conn, []error{errors.New("one"), errors.New("two"), errors.New("three")}}
	lines := make(chan string, 10)
	s.BadNotice.Write = func(l string) { lines <- l }
	s.Now = func() int64 { return 0 }
	got := make(chan string, 1)
	serve(t, s, HandlerFunc(func(m *Message) error { got <- m.Address; return nil }))
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Send("/x"))
	require.Equal(t, "/x", <-got)
	require.Equal(t, "receive: one", <-lines)
	require.Empty(t, lines)
	require.Zero(t, s.Bad.Load())
}

func TestBadPacketsAreNamedAtMostOncePerSecondAndTheLastAlways(t *testing.T) {
	var lines, traced []string
	s := &Server{
		BadNotice: Notice{Write: func(l string) { lines = append(lines, l) }},
		Trace:     func(l string) { traced = append(traced, l) },
	}
	h := HandlerFunc(func(m *Message) error { return errors.New(m.Address) })
	bad := func(at time.Duration, address string) {
		s.datagram(h, packet(t, address), sender, int64(at))
	}
	bad(0, "/a")
	bad(1, "/b")
	s.BadNotice.Flush(int64(time.Second - 1))
	bad(time.Second-1, "/c")
	s.BadNotice.Flush(int64(time.Second))
	s.BadNotice.Flush(int64(2 * time.Second))
	bad(2*time.Second, "/d")
	bad(2*time.Second+1, "/e")
	s.BadNotice.Flush(math.MaxInt64)
	s.BadNotice.Flush(math.MaxInt64)
	require.Equal(t, []string{
		"bad packet from 127.0.0.1:9000: /a",
		"bad packet from 127.0.0.1:9000: /c (and 1 more before it)",
		"bad packet from 127.0.0.1:9000: /d",
		"bad packet from 127.0.0.1:9000: /e",
	}, lines)
	require.Equal(t, []string{
		"bad packet from 127.0.0.1:9000: /b",
		"bad packet from 127.0.0.1:9000: /c",
		"bad packet from 127.0.0.1:9000: /e",
	}, traced, "each is named once as it comes")
	require.EqualValues(t, 5, s.Bad.Load())
}

func TestListenErrorsAreOneLineThatNamesTheAddress(t *testing.T) {
	taken := listen(t)
	defer taken.Close()
	_, takenPort := splitPort(t, taken.Addr())
	port := strconv.Itoa(takenPort)
	for _, c := range []struct {
		name string
		host string
		port int
		want string
	}{
		{"port in use", "127.0.0.1", takenPort, "127.0.0.1:" + port + ": the port is in use by another program"},
		{"address of another machine", "192.0.2.1", 5005, "192.0.2.1:5005: cannot assign requested address"},
		{"no such port", "127.0.0.1", 65536, "127.0.0.1:65536: no such port (0 to 65535)"},
		{"negative port", "127.0.0.1", -1, "127.0.0.1:-1: no such port (0 to 65535)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Listen(c.host, c.port)
			require.EqualError(t, err, "osc: listen on "+c.want)
		})
	}
	_, err := Listen("no such host", 1)
	require.ErrorContains(t, err, "osc: listen on no such host:1: ")
	require.NotContains(t, err.Error(), "\n")
}

func TestListenOnEveryAddressAndOnIPv6(t *testing.T) {
	for _, host := range []string{"", "0.0.0.0", "localhost"} {
		s, err := Listen(host, 0)
		require.NoError(t, err, host)
		got := make(chan netip.AddrPort, 1)
		serve(t, s, HandlerFunc(func(m *Message) error { got <- m.From; return nil }))
		_, port, err := net.SplitHostPort(s.Addr())
		require.NoError(t, err)
		c, err := Dial("127.0.0.1:" + port)
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.Send("/x"))
		require.True(t, (<-got).Addr().Is4(), host)
	}
}

func TestHandlerMayClose(t *testing.T) {
	s := listen(t)
	var done sync.WaitGroup
	done.Go(func() { s.Serve(HandlerFunc(func(*Message) error { return s.Close() })) })
	c, err := Dial(s.Addr())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Send("/engine/stop"))
	done.Wait()
}

func TestStatusIsAnsweredFromTheSameSocket(t *testing.T) {
	for _, host := range []string{"127.0.0.1", ""} {
		s := listen(t)
		if host == "" {
			require.NoError(t, s.Close())
			var err error
			s, err = Listen(host, 0)
			require.NoError(t, err)
		}
		r := testRouter(nil)
		r.on(StatusAddress, func(q Request) {
			if err := s.Answer(q.From, StatusAddress, func() []any { return []any{"playing", int64(1) << 40, 7} }); err != nil {
				t.Error(err)
			}
		})
		serve(t, s, r)
		_, port, err := net.SplitHostPort(s.Addr())
		require.NoError(t, err)
		// The client's socket is connected, so it would not receive an answer
		// from another socket.
		c, err := Dial("127.0.0.1:" + port)
		require.NoError(t, err)
		defer c.Close()
		args, err := c.Ask(StatusAddress, patience)
		require.NoError(t, err)
		require.Equal(t, []any{"playing", int64(1) << 40, int32(7)}, args)
	}
}

func TestAnswersAreLimitedHoweverManyAreAskedFor(t *testing.T) {
	now := int64(1e9)
	s := listen(t)
	defer s.Close()
	out := &counting{conn: s.conn}
	s.conn, s.Now = out, func() int64 { return now }
	asked := 0
	ask := func(n int) {
		for range n {
			require.NoError(t, s.Answer(sender, StatusAddress, func() []any { asked++; return []any{int32(1)} }))
		}
	}
	ask(1000)
	require.Equal(t, answersPerSecond, out.written)
	require.Equal(t, answersPerSecond, asked, "the status is not computed for an answer that is held back")
	require.EqualValues(t, 1000-answersPerSecond, s.Withheld.Load())
	now += 1e9 - 1
	ask(1)
	require.Equal(t, answersPerSecond, out.written)
	now++
	ask(1000)
	require.Equal(t, 2*answersPerSecond, out.written)
	require.NoError(t, s.Answer(sender, CheckAddress, func() []any { return []any{Taken} }))
	require.Equal(t, 2*answersPerSecond+1, out.written, "each address has a limit of its own")
}

// counting is a socket that sends nothing.
type counting struct {
	conn
	written int
}

func (c *counting) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) {
	c.written++
	return len(b), nil
}

// TestTwoEnginesDoNotAnswerEachOther sends the answer of one engine to another,
// as a forged sender could cause. It must not be taken for a question.
func TestTwoEnginesDoNotAnswerEachOther(t *testing.T) {
	r := testRouter(nil)
	asked := 0
	r.on(StatusAddress, func(Request) { asked++ })
	s := &Server{}
	s.datagram(r, packet(t, StatusAddress, "playing", int64(1)), sender, 1)
	require.Zero(t, asked)
	require.EqualValues(t, 1, s.Bad.Load())
}

func TestAnswerThatCannotBeSentIsAnError(t *testing.T) {
	s := listen(t)
	require.NoError(t, s.Close())
	require.ErrorContains(t, s.Answer(sender, StatusAddress, func() []any { return nil }), "osc: answer to 127.0.0.1:9000: ")
	require.ErrorContains(t, s.Answer(sender, StatusAddress, func() []any { return []any{struct{}{}} }), "unsupported type")
}
