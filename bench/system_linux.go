package main

import (
	"syscall"
	"time"
	"unsafe"
)

// cpuTime reads a process's CPU clock, which counts nanoseconds across all
// threads. /proc/<pid>/stat has a resolution of only 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	// The clock ID that clock_getcpuclockid(3) returns: the complement of the PID,
	// then CPUCLOCK_SCHED (2).
	clock := ^uint32(pid)<<3 | 2
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, errno
	}
	return time.Duration(t.Nano()), nil
}

// exactSleeps removes the 50 µs slack from this thread's sleeps. Call it on a
// goroutine that is locked to its thread.
func exactSleeps() error {
	const setTimerSlack = 29 // PR_SET_TIMERSLACK
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0); errno != 0 {
		return errno
	}
	return nil
}

// sleepUntil sleeps in the kernel, because timers of Go's scheduler fire late
// when the process is busy.
func sleepUntil(t time.Time) {
	for left := time.Until(t); left > 0; left = time.Until(t) {
		duration := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&duration, nil) // the loop handles interruptions
	}
}
