// Package wavfile writes and reads the engine's sound as 32-bit float WAV files
// that survive their writer: a block is written at the position that follows
// from its number, so that a new process can continue the file of a killed one,
// and a reader goes by the length of the file rather than the sizes in its
// header. It must not become a general WAV library: other sample formats are
// refused.
package wavfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Layout of the header. The format is RIFF/WAVE (IBM and Microsoft, "Multimedia
// Programming Interface and Data Specifications 1.0", 1991; fmt tag 3 with its
// fact chunk: Microsoft, "New Multimedia Data Types and Data Techniques",
// 1994). The JUNK chunk reserves the space of a ds64 chunk, so that a file that
// outgrows 32-bit sizes becomes RF64 with a header of the same length (EBU Tech
// 3306).
//
//	byte  RIFF              RF64
//	0     RIFF size WAVE    RF64 -1 WAVE
//	12    JUNK 28           ds64 28: RIFF size, data size, frames (64 bits
//	                        each), table length 0
//	48    fmt 18: tag 3, channels, rate, bytes per second, bytes per frame,
//	      bits per sample, extension 0
//	74    fact 4: frames    -1
//	86    data size         -1
//	94    samples
const (
	junkAt = 12
	fmtAt  = 48
	factAt = 74
	dataAt = 86

	// HeaderSize is the offset of the first sample, in bytes.
	HeaderSize = 94

	ds64Size    = 28
	fmtSize     = 18
	tagFloat    = 3 // WAVE_FORMAT_IEEE_FLOAT
	sampleSize  = 4
	maxChannels = 1 << 10
	maxRate     = 1 << 20
)

var le = binary.LittleEndian

// format is the format of the samples, as in the header.
type format struct {
	rate     int // Hz
	channels int
}

// frameSize returns the size of a frame in bytes.
func (f format) frameSize() int { return sampleSize * f.channels }

func (f format) validate() error {
	if f.rate < 1 || f.rate > maxRate || f.channels < 1 || f.channels > maxChannels {
		return fmt.Errorf("%d channels at %d Hz are out of range", f.channels, f.rate)
	}
	return nil
}

// put writes the header of a file with that many bytes of samples into h, which
// has HeaderSize bytes. It does not allocate.
func (f format) put(h []byte, data uint64) {
	frames := data / uint64(f.frameSize())
	riff := data + HeaderSize - 8
	copy(h, "RIFF\x00\x00\x00\x00WAVE")
	clear(h[junkAt:fmtAt])
	copy(h[junkAt:], "JUNK")
	le.PutUint32(h[junkAt+4:], ds64Size)
	copy(h[fmtAt:], "fmt ")
	le.PutUint32(h[fmtAt+4:], fmtSize)
	le.PutUint16(h[fmtAt+8:], tagFloat)
	le.PutUint16(h[fmtAt+10:], uint16(f.channels))
	le.PutUint32(h[fmtAt+12:], uint32(f.rate))
	le.PutUint32(h[fmtAt+16:], uint32(f.rate*f.frameSize()))
	le.PutUint16(h[fmtAt+20:], uint16(f.frameSize()))
	le.PutUint16(h[fmtAt+22:], 8*sampleSize)
	le.PutUint16(h[fmtAt+24:], 0)
	copy(h[factAt:], "fact")
	le.PutUint32(h[factAt+4:], 4)
	copy(h[dataAt:], "data")
	if riff <= math.MaxUint32 {
		le.PutUint32(h[4:], uint32(riff))
		le.PutUint32(h[factAt+8:], uint32(frames))
		le.PutUint32(h[dataAt+4:], uint32(data))
		return
	}
	copy(h, "RF64")
	copy(h[junkAt:], "ds64")
	le.PutUint64(h[junkAt+8:], riff)
	le.PutUint64(h[junkAt+16:], data)
	le.PutUint64(h[junkAt+24:], frames)
	for _, at := range []int{4, factAt + 8, dataAt + 4} {
		le.PutUint32(h[at:], math.MaxUint32)
	}
}

// errTruncated is returned if the file ends within the header; its writer may
// not have finished the header yet.
var errTruncated = errors.New("the header is truncated")

// parse walks the chunks up to the data chunk. data is the offset of the first
// sample in bytes.
func parse(src io.ReaderAt) (f format, data int64, err error) {
	var b [24]byte
	read := func(at int64, n int) error {
		if m, err := src.ReadAt(b[:n], at); m < n {
			if errors.Is(err, io.EOF) {
				return errTruncated
			}
			return err
		}
		return nil
	}
	if err := read(0, 12); err != nil {
		return f, 0, err
	}
	if id := string(b[:4]); id != "RIFF" && id != "RF64" || string(b[8:12]) != "WAVE" {
		return f, 0, errors.New("not a RIFF or RF64 WAVE file")
	}
	// Few chunks come before the samples. The bound keeps parse from walking
	// a file of empty chunks forever.
	for at, chunks := int64(12), 0; chunks < 64; chunks++ {
		if err := read(at, 8); err != nil {
			return f, 0, err
		}
		id, size := string(b[:4]), int64(le.Uint32(b[4:]))
		at += 8
		switch id {
		case "fmt ":
			if size < 16 {
				return f, 0, fmt.Errorf("the fmt chunk has only %d bytes", size)
			}
			if err := read(at, 16); err != nil {
				return f, 0, err
			}
			tag, bits := le.Uint16(b[0:]), le.Uint16(b[14:])
			f = format{rate: int(le.Uint32(b[4:])), channels: int(le.Uint16(b[2:]))}
			if tag != tagFloat || bits != 8*sampleSize {
				return f, 0, fmt.Errorf("the samples are not 32-bit float: format tag %d, %d bits", tag, bits)
			}
			if err := f.validate(); err != nil {
				return f, 0, err
			}
			if n := int(le.Uint16(b[12:])); n != f.frameSize() {
				return f, 0, fmt.Errorf("%d bytes per frame for %d channels", n, f.channels)
			}
		case "data":
			if f.channels == 0 {
				return f, 0, errors.New("there is no fmt chunk before the samples")
			}
			return f, at, nil
		}
		at += size + size&1 // chunks are padded to even lengths
	}
	return f, 0, errors.New("there is no data chunk")
}
