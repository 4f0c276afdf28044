#include "textflag.h"

// The signal handler. The kernel enters it on the thread's signal stack,
// without anything that Go code relies on: no g, no frame. It touches the three
// variables of leave_amd64.go and the ring that they point to, and makes two
// system calls. Its return address is the restorer.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0
	MOVL $228, AX                 // clock_gettime(CLOCK_MONOTONIC, &noticed)
	MOVL $1, DI
	LEAQ ·noticed(SB), SI
	SYSCALL
	MOVQ ·noticed+0(SB), AX
	IMULQ $1000000000, AX
	ADDQ ·noticed+8(SB), AX
	MOVQ ·leaveNS(SB), BX         // own.LeaveNS.Store(noticed)
	XCHGQ AX, 0(BX)
	MOVQ ·leave(SB), DI           // own.Leave.Store(1)
	MOVL $1, AX
	XCHGL AX, 0(DI)
	MOVL $202, AX                 // futex(leave, FUTEX_WAKE, all waiters)
	MOVL $1, SI
	MOVL $0x40000000, DX
	SYSCALL
	RET

TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0
	MOVL $15, AX                  // rt_sigreturn
	SYSCALL
	INT $3

// func handlers() (handler, restorer uintptr)
TEXT ·handlers(SB), NOSPLIT, $0-16
	LEAQ ·handler(SB), AX
	MOVQ AX, handler+0(FP)
	LEAQ ·restorer(SB), AX
	MOVQ AX, restorer+8(FP)
	RET
