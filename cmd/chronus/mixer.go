//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"chronus/engine/control"
)

// serverSink is an output of a PulseAudio server, or of PipeWire in its stead.
type serverSink struct {
	Name        string `json:"name"` // as PULSE_SINK takes it
	Description string `json:"description"`
	Rate        int    `json:"rate"` // Hz
	Channels    int    `json:"channels"`
	Default     bool   `json:"default"`
}

// askServer calls ask with a connection to a PulseAudio server; "" is the one
// that libpulse would choose. PortAudio shows a whole server as one device, so
// its outputs are asked of the server itself: by this command and not by the
// engine, whose host must not depend on another program's answers.
func askServer(server string, ask func(*proto.Client) error) (err error) {
	defer func() {
		if p := recover(); p != nil { // the library does not check an address
			err = fmt.Errorf("PulseAudio: server %q: %v", server, p)
		}
	}()
	client, conn, err := proto.Connect(server)
	if err != nil {
		return err
	}
	defer conn.Close()
	props := proto.PropList{"application.name": proto.PropListString("chronus (asking)")}
	if err := client.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{}); err != nil {
		return err
	}
	return ask(client)
}

// serverSinks lists the outputs of a server.
func serverSinks(server string) (sinks []serverSink, err error) {
	err = askServer(server, func(c *proto.Client) error {
		var about proto.GetServerInfoReply
		if err := c.Request(&proto.GetServerInfo{}, &about); err != nil {
			return err
		}
		var list proto.GetSinkInfoListReply
		if err := c.Request(&proto.GetSinkInfoList{}, &list); err != nil {
			return err
		}
		for _, s := range list {
			sinks = append(sinks, serverSink{
				Name: s.SinkName, Description: s.Device, Rate: int(s.Rate), Channels: int(s.Channels),
				Default: s.SinkName == about.DefaultSinkName,
			})
		}
		return nil
	})
	return sinks, err
}

// place adds to a status which output of the sound server the player's stream
// is on now, if it is on one: it may have been moved since it was opened.
func place(st *control.Status) {
	if st.Device == nil || st.Device.State != control.DevicePlaying {
		return
	}
	_ = askServer(st.Device.Server, func(c *proto.Client) error {
		var inputs proto.GetSinkInputInfoListReply
		if err := c.Request(&proto.GetSinkInputInfoList{}, &inputs); err != nil {
			return err
		}
		for _, in := range inputs {
			pid, err := strconv.Atoi(in.Properties["application.process.id"].String())
			if err != nil || pid != st.Player.PID {
				continue
			}
			var s proto.GetSinkInfoReply
			if err := c.Request(&proto.GetSinkInfo{SinkIndex: in.SinkIndex}, &s); err != nil {
				return err
			}
			st.Device.Sink, st.Device.Description = s.SinkName, s.Device
		}
		return nil
	})
}

// pulseServer is the server that libpulse would choose, or "" if there is no
// sign of one.
func pulseServer(named string) string {
	if named != "" {
		return named
	}
	if server := os.Getenv("PULSE_SERVER"); server != "" {
		return server
	}
	socket := os.Getenv("XDG_RUNTIME_DIR") + "/pulse/native"
	if _, err := os.Stat(socket); err != nil || strings.HasPrefix(socket, "/pulse") {
		return ""
	}
	return "unix:" + socket
}
