//go:build linux

package engine

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhyAPulseServerCannotBeReached(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := "tcp:" + gone.Addr().String()
	require.NoError(t, gone.Close())
	for server, want := range map[string]string{
		"unix:" + dir + "/none":               "there is no such socket: the server is not running, or the path is mistyped",
		dir + "/none":                         "there is no such socket",
		"{some-machine}unix:" + dir + "/none": "there is no such socket",
		"unix:" + file:                        "connection refused: no server listens there",
		refused:                               "connection refused: no server listens there",
		"unix:" + dir + "/none " + refused:    "connection refused",
		"{some-machine":                       "no } after {",
		"unix//run/pulse":                     "no server address: want unix:PATH or tcp:HOST[:PORT]",
		"tcp:":                                "no host",
		"":                                    "no server named",
	} {
		require.ErrorContains(t, unreachable(server), want, server)
	}

	there, err := net.Listen("unix", filepath.Join(dir, "native"))
	require.NoError(t, err)
	defer there.Close()
	require.NoError(t, unreachable("unix:"+dir+"/none unix:"+dir+"/native"), "one of them is enough")
}

func TestServerAddressesAreThoseOfPulseAudio(t *testing.T) {
	for server, want := range map[string][2]string{
		"unix:/run/native":    {"unix", "/run/native"},
		"/run/native":         {"unix", "/run/native"},
		"tcp:studio":          {"tcp", "studio:4713"},
		"tcp6:[::1]:99":       {"tcp6", "[::1]:99"},
		"tcp4:10.0.0.1":       {"tcp4", "10.0.0.1:4713"},
		"studio:99":           {"tcp", "studio:99"},
		"{machine}unix:/a/b":  {"unix", "/a/b"},
		"{machine}tcp:studio": {"tcp", "studio:4713"},
	} {
		network, address, err := parseServer(server)
		require.NoError(t, err, server)
		require.Equal(t, want, [2]string{network, address}, server)
	}
}
