package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// File is the name of a record's file in the folder of its engine process:
// JSON lines, compressed with gzip.
const File = "record.jsonl.gz"

// line is one line of the file. Exactly one of its fields is set.
type line struct {
	Header   *Header   `json:"header,omitempty"`
	Event    *Event    `json:"event,omitempty"`
	Sent     *Sent     `json:"sent,omitempty"`
	Cycle    *Cycle    `json:"cycle,omitempty"`
	Trouble  *Trouble  `json:"trouble,omitempty"`
	Holdings *Holdings `json:"holdings,omitempty"`
	Heap     *Heap     `json:"heap,omitempty"`
	End      *End      `json:"end,omitempty"`
}

// Encode writes a record: the header, then whatever there is many of, one to a
// line, then the end.
func (r *Record) Encode(w io.Writer) error {
	z := gzip.NewWriter(w)
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	var failed error
	put := func(l line) {
		if failed == nil {
			failed = e.Encode(l)
		}
	}
	put(line{Header: &r.Header})
	for i := range r.Events {
		put(line{Event: &r.Events[i]})
	}
	for i := range r.Sent {
		put(line{Sent: &r.Sent[i]})
	}
	for i := range r.Cycles {
		put(line{Cycle: &r.Cycles[i]})
	}
	for i := range r.Troubles {
		put(line{Trouble: &r.Troubles[i]})
	}
	for i := range r.Holdings {
		put(line{Holdings: &r.Holdings[i]})
	}
	for i := range r.Heaps {
		put(line{Heap: &r.Heaps[i]})
	}
	put(line{End: &r.End})
	if failed != nil {
		return fmt.Errorf("record: %w", failed)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Decode reads a record. It is strict: a version or a key that this build does
// not have, a file that is cut off or damaged, and anything after its end are
// errors.
func Decode(r io.Reader) (*Record, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("record: not compressed with gzip: %w", err)
	}
	lines := bufio.NewReader(z)
	rec := &Record{}
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("record: line %d: cut off or damaged: %w", n, err)
		case err != nil: // no line end: the writer was cut off before it was compressed
			return nil, fmt.Errorf("record: line %d: cut off: the record has no end", n)
		}
		ended, err := rec.take(n, text)
		if err != nil {
			return nil, fmt.Errorf("record: line %d: %w", n, err)
		}
		if !ended {
			continue
		}
		if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) { // the checksum is verified here
			return nil, fmt.Errorf("record: line %d: damaged after the record's end", n+1)
		}
		return rec, nil
	}
}

// take adds line n to the record, and reports whether it was the last.
func (r *Record) take(n int, text []byte) (ended bool, err error) {
	if n == 1 {
		// Before the strict reading, which another version would not pass.
		var v struct {
			Header struct{ Version int }
		}
		if err := json.Unmarshal(text, &v); err != nil {
			return false, fmt.Errorf("not a record: %w", err)
		}
		if v.Header.Version != Version {
			return false, fmt.Errorf("version %d, and this build reads version %d", v.Header.Version, Version)
		}
	}
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return false, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return false, errors.New("more than one value in it")
	}
	switch {
	case (l.Header != nil) != (n == 1):
		return false, errors.New("the header is not the first line")
	case l.Header != nil:
		r.Header = *l.Header
	case l.Event != nil:
		r.Events = append(r.Events, *l.Event)
	case l.Sent != nil:
		r.Sent = append(r.Sent, *l.Sent)
	case l.Cycle != nil:
		r.Cycles = append(r.Cycles, *l.Cycle)
	case l.Trouble != nil:
		r.Troubles = append(r.Troubles, *l.Trouble)
	case l.Holdings != nil:
		r.Holdings = append(r.Holdings, *l.Holdings)
	case l.Heap != nil:
		r.Heaps = append(r.Heaps, *l.Heap)
	case l.End != nil:
		r.End = *l.End
		return true, nil
	default:
		return false, errors.New("nothing in it")
	}
	return false, nil
}

// Write writes a record into a file, which must not exist.
func (r *Record) Write(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := r.Encode(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Read reads a record from a file. An error names the file.
func Read(path string) (*Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer f.Close()
	r, err := Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
