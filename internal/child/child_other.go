//go:build !linux

package child

import "syscall"

// EndWithParent does nothing where the system has no such thing.
func EndWithParent(syscall.Signal) *syscall.SysProcAttr { return nil }
