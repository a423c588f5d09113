//go:build !linux

package main

import "syscall"

// endWithParent does nothing where the system has no such thing.
func endWithParent() *syscall.SysProcAttr { return nil }
