package record_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/harness/record"
	"chronus/harness/record/recordtest"
)

// drawn is a record of this version with anything in it.
func drawn(t *rapid.T) *record.Record {
	r := &record.Record{
		Header:   rapid.Make[record.Header]().Draw(t, "header"),
		Events:   rapid.SliceOfN(rapid.Make[record.Event](), 0, 5).Draw(t, "events"),
		Sent:     rapid.SliceOfN(rapid.Make[record.Sent](), 0, 5).Draw(t, "sent"),
		Cycles:   rapid.SliceOfN(rapid.Make[record.Cycle](), 0, 3).Draw(t, "cycles"),
		Troubles: rapid.SliceOfN(rapid.Make[record.Trouble](), 0, 3).Draw(t, "troubles"),
		Holdings: rapid.SliceOfN(rapid.Make[record.Holdings](), 0, 3).Draw(t, "holdings"),
		Heaps:    rapid.SliceOfN(rapid.Make[record.Heap](), 0, 3).Draw(t, "heaps"),
		End:      rapid.Make[record.End]().Draw(t, "end"),
	}
	r.Version = record.Version
	return r
}

func encode(t require.TestingT, r *record.Record) []byte {
	var b bytes.Buffer
	require.NoError(t, r.Encode(&b))
	return b.Bytes()
}

func orNil[T any](items []T) []T {
	if len(items) == 0 {
		return nil
	}
	return items
}

// content is all that is in a record. No items and no list are the same.
func content(t require.TestingT, r *record.Record) string {
	c := *r
	c.Events = orNil(c.Events)
	c.Sent = orNil(c.Sent)
	c.Cycles = orNil(c.Cycles)
	c.Troubles = orNil(c.Troubles)
	c.Holdings = orNil(c.Holdings)
	c.Heaps = orNil(c.Heaps)
	text, err := json.Marshal(c)
	require.NoError(t, err)
	return string(text)
}

func TestARecordIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawn(t)
		back, err := record.Decode(bytes.NewReader(encode(t, r)))
		require.NoError(t, err)
		require.Equal(t, content(t, r), content(t, back))
	})
}

// Wherever a file is cut off, it is noticed.
func TestARecordThatIsCutOffIsAnError(t *testing.T) {
	text := encode(t, recordtest.Clean(t, t.TempDir(), 2))
	for n := range len(text) {
		_, err := record.Decode(bytes.NewReader(text[:n]))
		require.Error(t, err, "%d of %d bytes", n, len(text))
		require.NotContains(t, err.Error(), "\n")
	}
}

// A byte that was changed is noticed, or it is one of gzip's own that says
// nothing about the content.
func TestARecordThatIsDamagedIsNotReadAsAnother(t *testing.T) {
	r := recordtest.Clean(t, t.TempDir(), 2)
	text := encode(t, r)
	rapid.Check(t, func(t *rapid.T) {
		bad := bytes.Clone(text)
		at := rapid.IntRange(0, len(bad)-1).Draw(t, "at")
		bad[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		back, err := record.Decode(bytes.NewReader(bad))
		if err == nil {
			require.Equal(t, content(t, r), content(t, back))
		} else {
			require.NotContains(t, err.Error(), "\n")
		}
	})
}

func TestWhatIsNotARecordOfThisVersionIsOneClearLine(t *testing.T) {
	good := lines(t, encode(t, recordtest.Clean(t, t.TempDir(), 1)))
	all := func(edit func(l []string) []string) string {
		return strings.Join(edit(append([]string{}, good...)), "")
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "record: line 1: cut off: the record has no end"},
		{"not JSON", "hello\n", "record: line 1: not a record: invalid character 'h' looking for beginning of value"},
		{"another version", all(func(l []string) []string {
			l[0] = strings.Replace(l[0], `"version":1`, `"version":2`, 1)
			return l
		}), "record: line 1: version 2, and this build reads version 1"},
		{"no header", all(func(l []string) []string { return l[1:] }), "record: line 1: version 0, and this build reads version 1"},
		{"two headers", all(func(l []string) []string { return append(l[:1:1], l...) }), "record: line 2: the header is not the first line"},
		{"a key that is not known", all(func(l []string) []string {
			l[1] = strings.Replace(l[1], `{"event":{`, `{"event":{"colour":"red",`, 1)
			return l
		}), `record: line 2: json: unknown field "colour"`},
		{"an empty line", all(func(l []string) []string { l[1] = "{}\n"; return l }), "record: line 2: nothing in it"},
		{"two values in a line", all(func(l []string) []string {
			l[1] = strings.TrimSpace(l[1]) + l[2]
			return l
		}), "record: line 2: more than one value in it"},
		{"no end", all(func(l []string) []string { return l[:len(l)-1] }), "cut off: the record has no end"},
		{"more after the end", all(func(l []string) []string { return append(l, l[1]) }), "damaged after the record's end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, err := io.WriteString(z, tc.text)
			require.NoError(t, err)
			require.NoError(t, z.Close())
			_, err = record.Decode(&b)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := record.Decode(strings.NewReader("{}"))
	require.ErrorContains(t, err, "record: not compressed with gzip")
}

func lines(t *testing.T, text []byte) []string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(text))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	all := strings.SplitAfter(string(plain), "\n")
	return all[:len(all)-1]
}

func TestAFileIsWrittenOnceAndItsErrorsNameIt(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.Clean(t, dir, 1)
	path := filepath.Join(dir, record.File)
	require.NoError(t, r.Write(path))
	require.ErrorIs(t, r.Write(path), os.ErrExist)
	back, err := record.Read(path)
	require.NoError(t, err)
	require.Equal(t, r, back)

	require.NoError(t, os.WriteFile(path, []byte("x"), 0o644))
	_, err = record.Read(path)
	require.ErrorContains(t, err, path+": record: ")
	_, err = record.Read(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"header":{"version":1}}` + "\n" + `{"end":{}}` + "\n"))
	f.Add([]byte(`{"header":{"version":1}}` + "\n" + `{"event":{"kind":"xrun","from_slot":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(text)
		z.Close()
		r, err := record.Decode(&b)
		if err == nil {
			_, err = record.Decode(bytes.NewReader(encode(t, r)))
			require.NoError(t, err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Fatalf("more than one line: %q", err)
		}
	})
}
