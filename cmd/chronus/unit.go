//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// unit is the unit file. The limits are what an ordinary user is not granted; the manager sends SIGTERM to the host alone,
// which ends its processes itself after the fade. A mistake in the flags is not tried again.
const unit = `# Made by: %[1]s run --systemd-unit. Put it into /etc/systemd/system/chronus.service, then:
#   systemctl daemon-reload; systemctl enable --now chronus
[Unit]
Description=Chronus audio engine
Wants=network-online.target
After=network-online.target sound.target

[Service]
%[2]sWorkingDirectory=%[3]s
ExecStart=%[4]s
RuntimeDirectory=chronus
LimitRTPRIO=20
LimitMEMLOCK=infinity
NoNewPrivileges=yes
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec=10
Restart=on-failure
RestartSec=1
RestartPreventExitStatus=2

[Install]
WantedBy=multi-user.target
`

// unitControl is where a unit's control socket is unless told otherwise: a system service has no XDG_RUNTIME_DIR, and
// whoever asks for its status has another.
const unitControl = "/run/chronus/control.sock"

func printUnit(out io.Writer, flags []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	account := ""
	if uid := os.Getuid(); uid != 0 {
		account = fmt.Sprint(uid)
		if u, err := user.Current(); err == nil {
			account = u.Username
		}
	}
	_, err = io.WriteString(out, unitText(self, dir, account, flags))
	return err
}

// unitText is the unit that runs an executable with flags in a folder, as an account; "": as root.
func unitText(self, dir, account string, flags []string) string {
	if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "--control=") }) {
		flags = append(flags, "--control="+unitControl)
	}
	command := []string{unitQuote(self, false), "run"}
	for _, f := range flags {
		command = append(command, unitQuote(f, true))
	}
	if account != "" {
		account = "User=" + account + "\n"
	}
	return fmt.Sprintf(unit, self, account, strings.ReplaceAll(dir, "%", "%%"), strings.Join(command, " "))
}

var unitPlain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+-]+$`)

// unitQuote is a word of a command line as systemd.service(5) wants it; in an argument, $ is doubled too.
func unitQuote(word string, argument bool) string {
	if unitPlain.MatchString(word) {
		return word
	}
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "%", "%%").Replace(word)
	if argument {
		word = strings.ReplaceAll(word, "$", "$$")
	}
	return `"` + word + `"`
}

// given are the flags that differ from their defaults, from the command line or the environment, as --name=value.
func given(ctx *kong.Context) (flags []string) {
	for _, f := range ctx.Selected().Flags {
		value := "" // of a pointer that nothing was parsed into
		if target := reflect.Indirect(f.Target); target.IsValid() {
			value = fmt.Sprint(target.Interface())
		}
		switch {
		case f.Name == "systemd-unit", f.HasDefault && value == f.Default, !f.HasDefault && f.Target.IsZero():
		case f.IsBool():
			flags = append(flags, "--"+f.Name)
		default:
			flags = append(flags, "--"+f.Name+"="+value)
		}
	}
	return flags
}
