//go:build !linux

package main

import (
	"errors"
	"time"
)

func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("it is read from Linux alone: run the benchmarks there")
}

func exactSleeps() error { return nil }

func sleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
