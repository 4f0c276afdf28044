//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"chronus/engine"
)

// versionCmd is `chronus version`.
type versionCmd struct {
	JSON bool `help:"Print one JSON object."`
}

// version is what is known about this executable and those beside it.
type version struct {
	Version    string    `json:"version"`              // of the module, as Go stamps it
	Commit     string    `json:"commit"`               // empty if it was built without git
	CommitTime time.Time `json:"commit_time,omitzero"` // zero without a commit
	Dirty      bool      `json:"dirty"`                // built from a tree with changes
	BuildID    string    `json:"build_id"`             // what host, player and workers must agree on
	Go         string    `json:"go"`
	Platform   string    `json:"platform"` // GOOS/GOARCH
	Portaudio  bool      `json:"portaudio"`
	Failpoints bool      `json:"failpoints"`
}

// readVersion reads what the linker left in this executable. Whether others are
// beside it is not in there; look adds it.
func readVersion() version {
	v := version{
		Version: "(devel)", BuildID: engine.Build(),
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.CommitTime, _ = time.Parse(time.RFC3339, s.Value) // zero if it is not one
		case "vcs.modified":
			v.Dirty = s.Value == "true"
		}
	}
	return v
}

// String is what chronus --version prints.
func (v version) String() string {
	return fmt.Sprintf("chronus %s (build id %s)", v.Version, v.BuildID)
}

// look finds out which optional executables are in a directory.
func (v *version) look(dir string) {
	there := func(name string) bool {
		st, err := os.Stat(filepath.Join(dir, name))
		return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
	}
	v.Portaudio, v.Failpoints = there("chronus-portaudio"), there("failpoints/chronus")
}

// Run prints the version.
func (c *versionCmd) Run(out io.Writer) error {
	dir, err := binDir()
	if err != nil {
		return err
	}
	v := readVersion()
	v.look(dir)
	if c.JSON {
		return json.NewEncoder(out).Encode(v)
	}
	commit := "unknown"
	if v.Commit != "" {
		commit = v.Commit + " of " + v.CommitTime.Format(time.DateTime)
		if v.Dirty {
			commit += ", with changes"
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"chronus", v.Version},
		{"commit", commit},
		{"build id", v.BuildID},
		{"go", v.Go},
		{"platform", v.Platform},
		{"chronus-portaudio", present(v.Portaudio, dir)},
		{"failpoint build", present(v.Failpoints, filepath.Join(dir, "failpoints"))},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	return w.Flush()
}

func present(there bool, dir string) string {
	if there {
		return "in " + dir
	}
	return "not in " + dir
}
