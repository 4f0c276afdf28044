// Package tape records a session, that is the commands of the log and the
// blocks that were delivered, and renders a recording again to find out whether
// the samples delivered are those that the commands ask for. It must not judge,
// because budgets and verdicts are the harness's, and it must not touch shared
// memory: it sees only records.
//
// # The file
//
// All integers are little-endian. The file is the magic "CHRTAPE\n", a header
// record, any number of command and block records in the order in which they
// were written, and an end record. If there is no end record, the process that
// wrote the tape died before it called Close; the tape can be read up to its
// last whole record, after which the reader returns ErrUnfinished.
//
// Each record:
//
//	offset  size  field
//	0       1     type: 'H' header, 'C' command, 'B' block, 'E' end
//	1       4     n, the length of the payload
//	5       n     payload
//	5+n     8     XXH64 (seed 0) of all bytes of the record before it
//
// Because the checksum covers the type and the length, no flipped bit passes.
// The length of every payload but the header's follows from the header, so a
// reader expects it and never allocates as much as a damaged length demands.
//
// Header payload: the JSON of Header, at most 4 MiB.
//
// Command payload, 36 bytes:
//
//	0   8  Index
//	8   4  Address
//	12  8  Value, float64 bits
//	20  8  Frame
//	28  8  RecvNS
//
// Block payload, 68 + 8*Slots + 4*Frames*Channels bytes:
//
//	0   8  Block
//	8   8  Prev
//	16  8  Cutoff
//	24  8  Sealed
//	32  4  Slot
//	36  4  Flags
//	40  4  Generation
//	44  8  EntryNS
//	52  8  ReturnNS
//	60  8  Sum
//	68  8  each of Sums, by slot
//	..  4  each of Samples, float32 bits, interleaved
//
// End payload, 16 bytes: the number of command records, then the number of
// block records, 8 bytes each. They reveal whole records that are missing,
// which the checksum of a record cannot.
//
// # The order of records
//
// Commands are written in the order of the log, and a command is written before
// any block whose Cutoff includes it. That is what allows Replay to work in one
// pass with bounded memory. It refuses a tape that breaks the rule, with
// ErrInconsistent.
package tape
