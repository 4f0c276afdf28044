package control

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreOnTheControlSocket(t *testing.T) {
	path := socketPath(t)
	start(t, path, playing, new(Hub))
	for url, want := range map[string]string{
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/cmdline":           "control.test",
		"/debug/pprof/goroutine?debug=1": "TestProfilesAreOnTheControlSocket",
	} {
		resp, _ := request(t, path, url)
		require.Equal(t, http.StatusOK, resp.StatusCode, url)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(text), want, url)
	}
	resp, _ := request(t, path, "/debug/pprof/no-such")
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	resp, _ = request(t, path, "/debug/vars")
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestProfileMayTakeAsLongAsItsReaderAsks(t *testing.T) {
	s, err := Listen(socketPath(t))
	require.NoError(t, err)
	defer s.Close()
	require.Zero(t, s.http.WriteTimeout)
	require.Zero(t, s.http.ReadTimeout)
}

// profiling reports whether the given handler of net/http/pprof is running.
func profiling(t *testing.T, handler string) bool {
	var all bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&all, 1))
	return bytes.Contains(all.Bytes(), []byte("net/http/pprof."+handler+"+"))
}

func TestProfileEndsWithTheEngineAndIsWhole(t *testing.T) {
	for _, kind := range []struct{ url, handler string }{
		{"/debug/pprof/profile?seconds=3600", "Profile"},
		{"/debug/pprof/trace?seconds=3600", "Trace"},
	} {
		path := socketPath(t)
		s := start(t, path, playing, new(Hub))
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		defer c.Close()
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: engine\r\n\r\n", kind.url)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return profiling(t, kind.handler) }, patience, time.Millisecond)
		require.NoError(t, s.Close())
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NotEmpty(t, body, kind.url)
		if kind.handler != "Profile" {
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		_, err = io.ReadAll(z)
		require.NoError(t, err, "the profile must be complete")
	}
}
