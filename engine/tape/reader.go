package tape

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Reader reads a tape from beginning to end, one record at a time. It is not
// safe for concurrent use.
type Reader struct {
	name     string
	c        io.Closer // nil if the reader does not own the file
	r        *bufio.Reader
	h        Header
	rec      []byte // one record, reused
	off      int64  // of the next record
	command  Command
	block    Block
	commands uint64
	blocks   uint64
	err      error // returned by every further call of Next
	export   *Export
}

// Open opens a tape and reads its header. If the file is not a tape, or its
// header is damaged, the error is a *CorruptError.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tape: %w", err)
	}
	r, err := NewReader(f, path)
	if err != nil {
		_ = f.Close() // only opened for reading
		return nil, err
	}
	r.c = f
	return r, nil
}

// NewReader returns a Reader of the tape in src, whose header it has read. name
// is for messages. Close does not close src.
func NewReader(src io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, r: bufio.NewReaderSize(src, 16<<10)}
	if err := r.readHeader(); err != nil {
		return nil, err
	}
	r.rec = make([]byte, headSize+max(r.h.blockPayload(), commandSize)+sumSize)
	r.block.Sums = make([]uint64, r.h.Slots)
	r.block.Samples = make([]float32, r.h.samples())
	return r, nil
}

func (r *Reader) readHeader() error {
	start := make([]byte, len(magic)+headSize)
	if n, err := io.ReadFull(r.r, start); err != nil {
		if !bytes.HasPrefix([]byte(magic), start[:min(n, len(magic))]) {
			return r.corrupt("not a tape", nil)
		}
		return r.readError(err)
	}
	if string(start[:len(magic)]) != magic {
		return r.corrupt("not a tape", nil)
	}
	r.off = int64(len(magic))
	head := start[len(magic):]
	n := int64(le.Uint32(head[1:]))
	if head[0] != typeHeader {
		return r.corrupt("there is no header record", nil)
	}
	if n > maxHeader {
		return r.corrupt(fmt.Sprintf("the header has %d bytes, the limit is %d", n, maxHeader), nil)
	}
	// The buffer grows with the bytes that are actually there, not with the
	// length that the record claims.
	buf := bytes.NewBuffer(head)
	if _, err := io.CopyN(buf, r.r, n+sumSize); err != nil {
		return r.readError(err)
	}
	rec := buf.Bytes()
	if !sumMatches(rec) {
		return r.corrupt("the checksum of the header does not match", nil)
	}
	if err := json.Unmarshal(rec[headSize:headSize+n], &r.h); err != nil {
		return r.corrupt("header: "+err.Error(), err)
	}
	if r.h.Version != Version {
		return fmt.Errorf("tape: %s: the tape has version %d, but this program reads version %d",
			r.name, r.h.Version, Version)
	}
	if err := r.h.validate(); err != nil {
		return r.corrupt(err.Error(), nil)
	}
	r.off += int64(len(rec))
	return nil
}

// Header returns the header of the tape.
func (r *Reader) Header() Header { return r.h }

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.c == nil {
		return nil
	}
	err := r.c.Close()
	r.c = nil
	return err
}

// Next returns the next record, a *Command or a *Block, which is valid until
// the next call. At the end it returns io.EOF; if there is no end record,
// ErrUnfinished, wrapped in a *CorruptError if the last record is truncated;
// and at damage a *CorruptError. After an error, every call returns the same
// error.
func (r *Reader) Next() (any, error) {
	if r.err != nil {
		return nil, r.err
	}
	rec, err := r.next()
	r.err = err
	return rec, err
}

func (r *Reader) next() (any, error) {
	head := r.rec[:headSize]
	if n, err := io.ReadFull(r.r, head); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, ErrUnfinished
		}
		return nil, r.readError(err)
	}
	want, ok := r.h.payload(head[0])
	if !ok {
		return nil, r.corrupt(fmt.Sprintf("unknown record type 0x%02x", head[0]), nil)
	}
	if n := le.Uint32(head[1:]); int64(n) != int64(want) {
		return nil, r.corrupt(fmt.Sprintf("a record of type '%c' has %d bytes, not %d", head[0], n, want), nil)
	}
	rec := r.rec[:headSize+want+sumSize]
	if _, err := io.ReadFull(r.r, rec[headSize:]); err != nil {
		return nil, r.readError(err)
	}
	if !sumMatches(rec) {
		return nil, r.corrupt("the checksum of the record does not match", nil)
	}
	payload := rec[headSize : headSize+want]
	switch head[0] {
	case typeCommand:
		getCommand(payload, &r.command)
		r.commands++
		r.off += int64(len(rec))
		return &r.command, nil
	case typeBlock:
		getBlock(payload, &r.block)
		r.blocks++
		r.off += int64(len(rec))
		if r.export != nil {
			r.export.block(&r.block)
		}
		return &r.block, nil
	}
	commands, blocks := le.Uint64(payload), le.Uint64(payload[8:])
	if commands != r.commands || blocks != r.blocks {
		return nil, r.corrupt(fmt.Sprintf("the end record counts %d commands and %d blocks, but the tape has %d and %d",
			commands, blocks, r.commands, r.blocks), nil)
	}
	r.off += int64(len(rec))
	switch _, err := r.r.ReadByte(); {
	case err == nil:
		return nil, r.corrupt("there are bytes after the end record", nil)
	case !errors.Is(err, io.EOF):
		return nil, r.readError(err)
	}
	return nil, io.EOF
}

func (r *Reader) corrupt(reason string, err error) error {
	return &CorruptError{Name: r.name, Offset: r.off, Reason: reason, Err: err}
}

func (r *Reader) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.corrupt("the file ends within this record", ErrUnfinished)
	}
	return fmt.Errorf("tape: read %s at byte %d: %w", r.name, r.off, err)
}
