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

// unit is the unit file. It raises the limits that an ordinary user does not
// get. systemd sends SIGTERM to the host alone, which ends its processes itself
// after the fade, and does not restart it after a mistake in the flags.
const unit = `# Written by: %[1]s run --systemd-unit. Save it as /etc/systemd/system/chronus.service, then:
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

// unitControl is the default path of a unit's control socket. A system service
// has no XDG_RUNTIME_DIR, and a user who asks for its status has one that the
// service does not know.
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

// unitText returns the unit that runs an executable with flags in a directory,
// as a user or, if account is empty, as root.
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

// unitQuote quotes a word of a command line as systemd.service(5) requires. In
// an argument, $ is doubled too.
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

// given returns the flags, from the command line or the environment, that
// differ from their defaults, as --name=value.
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
