package main

import (
	"syscall"
	"time"
	"unsafe"
)

// cpuTime reads a process's CPU clock, which counts nanoseconds of all its
// threads. /proc/<pid>/stat counts hundredths of a second.
func cpuTime(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3) makes of a pid: its complement, and the clock of
	// the scheduler, 2.
	clock := ^uint32(pid)<<3 | 2
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, errno
	}
	return time.Duration(t.Nano()), nil
}

// exactSleeps makes this thread's sleeps end when they should, not up to 50 µs
// later. It is for a goroutine that is locked to its thread.
func exactSleeps() error {
	const setTimerSlack = 29 // PR_SET_TIMERSLACK
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0); errno != 0 {
		return errno
	}
	return nil
}

// sleepUntil sleeps in the kernel: the timers of Go's scheduler are as exact as
// a millisecond only while nothing else is to be done.
func sleepUntil(t time.Time) {
	for left := time.Until(t); left > 0; left = time.Until(t) {
		duration := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&duration, nil) // interrupted, it sleeps on
	}
}
