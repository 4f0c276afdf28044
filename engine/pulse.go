//go:build linux

package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// dialLimit is how long a server may take to accept a connection.
const dialLimit = time.Second

// unreachable returns why none of the PulseAudio servers in a string like
// PULSE_SERVER's can be connected to, for the last of them: it tells an address
// that is mistyped from one at which nothing listens, from a server that
// refuses or does not answer. nil means that one accepts connections, which is
// not to say that it lets the user play.
func unreachable(servers string) error {
	why := errors.New("no server named")
	for _, server := range strings.Fields(servers) {
		network, address, err := parseServer(server)
		if err != nil {
			why = err
			continue
		}
		conn, err := net.DialTimeout(network, address, dialLimit)
		if err == nil {
			_ = conn.Close()
			return nil
		}
		why = dialFailed(server, err)
	}
	return why
}

// pulsePort is PulseAudio's TCP port.
const pulsePort = "4713"

// parseServer parses one address of the form that PulseAudio documents under
// "Server Strings": [{machine}]unix:PATH, /PATH, tcp[4|6]:HOST[:PORT] or
// HOST[:PORT].
func parseServer(server string) (network, address string, err error) {
	text := server
	if strings.HasPrefix(text, "{") {
		_, after, ok := strings.Cut(text, "}")
		if !ok {
			return "", "", fmt.Errorf("%s: no } after {", server)
		}
		text = after
	}
	network = "tcp"
	for _, prefix := range []string{"tcp4", "tcp6", "tcp", "unix"} {
		if after, ok := strings.CutPrefix(text, prefix+":"); ok {
			network, text = prefix, after
			break
		}
	}
	if network == "unix" || strings.HasPrefix(text, "/") {
		return "unix", text, nil
	}
	if text == "" {
		return "", "", fmt.Errorf("%s: no host", server)
	}
	if strings.Contains(text, "/") {
		return "", "", fmt.Errorf("%s: no server address: want unix:PATH or tcp:HOST[:PORT]", server)
	}
	if _, _, err := net.SplitHostPort(text); err != nil {
		text = net.JoinHostPort(strings.Trim(text, "[]"), pulsePort)
	}
	return network, text, nil
}

func dialFailed(server string, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%s: there is no such host", server)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: there is no such socket: the server is not running, or the path is mistyped", server)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: connection refused: no server listens there", server)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s: permission denied", server)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s: unreachable: no answer within %s", server, dialLimit)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("%s: %w", server, err)
}
