//go:build !linux

package main

import (
	"errors"
	"time"
)

func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("only supported on Linux")
}

func exactSleeps() error { return nil }

func sleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
