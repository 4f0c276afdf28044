// Package wavfile writes and reads the engine's sound as 32-bit float WAV files
// that survive their writer: a block goes to the place that its number gives
// it, so a new process can go on with the file of a killed one, and a reader
// goes by the file's length and not by the sizes in its header. It must not
// grow into a general WAV library: it refuses other sample formats.
package wavfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Layout of the header. The format is RIFF/WAVE (Microsoft, "Multimedia
// Programming Interface and Data Specifications 1.0"; fmt tag 3 with its fact
// chunk: "New Multimedia Data Types and Data Techniques", 1994). The JUNK chunk
// reserves the place of the ds64 chunk, so that a file that outgrows 32-bit
// sizes becomes RF64 with a header of the same length (EBU Tech 3306).
//
//	0   RIFF size WAVE          RF64 -1 WAVE
//	12  JUNK 28                 ds64 28: riff size, data size, frames (64 bits each), table length 0
//	48  fmt  18                 tag 3, channels, rate, bytes per second, bytes per frame, bits, extension 0
//	74  fact 4: frames          -1
//	86  data size               -1
//	94  samples
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

// format is the header's description of the samples.
type format struct {
	rate     int // Hz
	channels int
}

func (f format) frameSize() int { return sampleSize * f.channels }

func (f format) validate() error {
	if f.rate < 1 || f.rate > maxRate || f.channels < 1 || f.channels > maxChannels {
		return fmt.Errorf("%d channels at %d Hz are not supported", f.channels, f.rate)
	}
	return nil
}

// put writes the header of a file with data bytes of samples into h, which is
// HeaderSize bytes long. It does not allocate.
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

// errTruncated reports that the file ends within the header: its writer may not
// have got further yet.
var errTruncated = errors.New("the header is cut off")

// parse walks the chunks up to the data chunk. It returns the format and the
// offset of the first sample.
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
	// Few chunks come before the samples; the bound keeps a file of nothing but
	// empty chunks from being walked to its end.
	for at, chunks := int64(12), 0; chunks < 64; chunks++ {
		if err := read(at, 8); err != nil {
			return f, 0, err
		}
		id, size := string(b[:4]), int64(le.Uint32(b[4:]))
		at += 8
		switch id {
		case "fmt ":
			if size < 16 {
				return f, 0, fmt.Errorf("a fmt chunk of %d bytes, not 16 or more", size)
			}
			if err := read(at, 16); err != nil {
				return f, 0, err
			}
			tag, bits := le.Uint16(b[0:]), le.Uint16(b[14:])
			f = format{rate: int(le.Uint32(b[4:])), channels: int(le.Uint16(b[2:]))}
			if tag != tagFloat || bits != 8*sampleSize {
				return f, 0, fmt.Errorf("format tag %d with %d bits, not 32-bit float", tag, bits)
			}
			if err := f.validate(); err != nil {
				return f, 0, err
			}
			if n := int(le.Uint16(b[12:])); n != f.frameSize() {
				return f, 0, fmt.Errorf("%d bytes per frame with %d channels", n, f.channels)
			}
		case "data":
			if f.channels == 0 {
				return f, 0, errors.New("no fmt chunk before the samples")
			}
			return f, at, nil
		}
		at += size + size&1 // chunks are padded to even lengths
	}
	return f, 0, errors.New("no data chunk")
}
