//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// endWithParent does nothing where the system has no such thing.
func endWithParent() *syscall.SysProcAttr { return nil }

func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("it is read from Linux alone: run the benchmarks there")
}

func exactSleeps() error { return nil }

func sleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
