package child

import (
	"os"
	"syscall"
	"time"
)

// Stop terminates a child, and kills it if it has not ended after 10 seconds.
// It returns once ended is closed, which is up to whoever waits for the child.
func Stop(process *os.Process, ended <-chan struct{}) {
	_ = process.Signal(syscall.SIGTERM) // it may have exited already
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = process.Kill()
		<-ended
	}
}
