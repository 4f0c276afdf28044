package tape

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// bufferSize is the size of the writer's buffer in bytes: about half a second
// of mono blocks, so that there are only a few writes to the disk per second.
const bufferSize = 128 << 10

// Writer records a session. It is buffered and allocates nothing per record.
// After the first failure it records nothing more, and every call returns that
// failure. It is not safe for concurrent use.
type Writer struct {
	name     string
	c        io.Closer
	w        *bufio.Writer
	h        Header
	rec      []byte // one record, reused
	commands uint64
	blocks   uint64
	err      error
}

// Create creates the file, replacing any file of that name, and writes the
// header. It sets Header.Version.
func Create(path string, h Header) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("tape: %w", err)
	}
	w, err := newWriter(f, path, h)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

func newWriter(dst io.WriteCloser, name string, h Header) (*Writer, error) {
	h.Version = Version
	if err := h.validate(); err != nil {
		return nil, fmt.Errorf("tape: %s: %w", name, err)
	}
	text, err := json.Marshal(&h)
	if err != nil {
		return nil, fmt.Errorf("tape: %s: header: %w", name, err)
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("tape: %s: the header has %d bytes, the limit is %d", name, len(text), maxHeader)
	}
	w := &Writer{name: name, c: dst, w: bufio.NewWriterSize(dst, bufferSize), h: h}
	_, _ = w.w.WriteString(magic) // bufio keeps the error, and the next write returns it
	w.rec = make([]byte, headSize+max(len(text), h.blockPayload(), commandSize)+sumSize)
	copy(w.rec[headSize:], text)
	if err := w.write(typeHeader, len(text)); err != nil {
		return nil, err
	}
	return w, w.Flush()
}

// write completes the record whose payload of n bytes is in w.rec, and writes
// it.
func (w *Writer) write(typ byte, n int) error {
	rec := w.rec[:headSize+n+sumSize]
	putHead(rec, typ, n)
	putSum(rec)
	if _, err := w.w.Write(rec); err != nil {
		return w.fail(err)
	}
	return nil
}

// fail keeps an error for all later calls and returns it.
func (w *Writer) fail(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err // the message has the name already
	}
	w.err = fmt.Errorf("tape: write %s: %w", w.name, err)
	return w.err
}

// Command writes one command of the log. It must precede the blocks that take
// it.
func (w *Writer) Command(c *Command) error {
	if w.err != nil {
		return w.err
	}
	putCommand(w.rec[headSize:], c)
	w.commands++
	return w.write(typeCommand, commandSize)
}

// Block writes one delivered block. If the lengths of Sums and Samples are not
// those that follow from the header, it writes nothing and returns an error,
// and the writer stays usable.
func (w *Writer) Block(b *Block) error {
	if w.err != nil {
		return w.err
	}
	if len(b.Sums) != w.h.Slots || len(b.Samples) != w.h.samples() {
		return fmt.Errorf("tape: write %s: block %d has %d sums and %d samples, not %d and %d",
			w.name, b.Block, len(b.Sums), len(b.Samples), w.h.Slots, w.h.samples())
	}
	putBlock(w.rec[headSize:], b)
	w.blocks++
	return w.write(typeBlock, w.h.blockPayload())
}

// Flush passes everything buffered to the operating system: a reader sees it
// from then on, and it survives the death of the host.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	if err := w.w.Flush(); err != nil {
		return w.fail(err)
	}
	return nil
}

// Close writes the end record and closes the file. It closes the file even if
// recording has failed before.
func (w *Writer) Close() error {
	if w.c == nil {
		return w.err
	}
	if w.err == nil {
		le.PutUint64(w.rec[headSize:], w.commands)
		le.PutUint64(w.rec[headSize+8:], w.blocks)
		if w.write(typeEnd, endSize) == nil {
			_ = w.Flush() // w.err keeps the error
		}
	}
	err := w.err
	if cerr := w.c.Close(); cerr != nil && err == nil {
		err = w.fail(cerr)
	}
	w.c = nil
	if w.err == nil {
		w.err = fmt.Errorf("tape: write %s: %w", w.name, os.ErrClosed)
		return nil
	}
	return err
}
