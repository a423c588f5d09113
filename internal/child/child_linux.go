package child

import "syscall"

// EndWithParent returns attributes that send a child the signal when its parent
// is killed. They also shield it from the terminal's Ctrl-C, since stopping it is
// up to its parent. Strictly, the kernel sends the signal when the thread that
// started the child exits; in Go that happens only to a thread whose goroutine
// returns while locked to it.
func EndWithParent(signal syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: signal}
}
