//go:build linux

package bench

import (
	"testing"

	"chronus/engine/hotpath"
)

func BenchmarkCallback(b *testing.B) {
	b.Run("steady", func(b *testing.B) { hotpath.Callback(b, false) })
	b.Run("failover", func(b *testing.B) { hotpath.Callback(b, true) })
}

func BenchmarkRestore(b *testing.B) {
	for _, patch := range []string{"sine", "voice", "heavy:1000"} {
		b.Run(patch, func(b *testing.B) { hotpath.Restore(b, patch) })
	}
}

func BenchmarkCommand(b *testing.B) { hotpath.Command(b) }
