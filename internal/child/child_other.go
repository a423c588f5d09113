//go:build !linux

package child

import "syscall"

// EndWithParent returns nil because the system has no such feature.
func EndWithParent(syscall.Signal) *syscall.SysProcAttr { return nil }
