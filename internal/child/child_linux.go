package child

import "syscall"

// EndWithParent returns attributes that make a child get the signal when its
// parent is killed, and keep the terminal's Ctrl-C from it: its parent stops it.
// Strictly, the signal comes when the thread that started the child ends; Go ends
// no thread but those of goroutines that end locked to one.
func EndWithParent(signal syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: signal}
}
