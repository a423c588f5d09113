package main

import "syscall"

// endWithParent makes a child end when this program is killed, and keeps the
// terminal's Ctrl-C from it: it is told to stop, once, by this program.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
