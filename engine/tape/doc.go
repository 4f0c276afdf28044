// Package tape records a session, the commands of the log and the blocks that were delivered, and renders a recording
// again to say whether what was delivered is what had been asked for. It must not judge (budgets and verdicts are the
// harness's) and it must not touch shared memory: it sees records only.
//
// # The file
//
// All integers are little-endian. The file is the magic "CHRTAPE\n", a header record, any number of command and block
// records in the order in which they were written, and an end record. A tape without an end record comes from a process
// that did not live to call Close: it reads to its last whole record and then returns ErrUnfinished.
//
// Each record:
//
//	offset  size  field
//	0       1     type: 'H' header, 'C' command, 'B' block, 'E' end
//	1       4     n, the length of the payload
//	5       n     payload
//	5+n     8     XXH64 (seed 0) of all bytes before it, type and length included
//
// The checksum covers type and length too, so that no flipped bit passes. The length of every payload but the header's
// follows from the header: a reader knows what to expect and never allocates what a damaged length asks for.
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
// End payload, 16 bytes: the number of command records, then of block records, 8 bytes each. They show whole records
// that went missing, which no record's own checksum can.
//
// # The order of records
//
// Commands are written in the order of the log, and a command is written before any block whose Cutoff takes it. That
// is what lets Replay work in one pass with bounded memory; it refuses a tape that breaks the rule (ErrInconsistent).
package tape
