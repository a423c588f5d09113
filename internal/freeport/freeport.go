// Package freeport finds ports for servers of tests.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The ports are below those that Linux gives to connections and to listeners
// that ask for any port: one of these could be taken before the server listens.
const lowest, highest = 10_000, 22_000

// Find returns a port of 127.0.0.1 that nothing listens on. No other call of
// Find gets it, in this process or another, until the test has ended: servers
// may stop and start again on it. The same is true of the ports that lie above
// it by the given offsets.
func Find(t testing.TB, above ...int) string {
	t.Helper()
	// Each user has a directory of locks, since nobody can open another's files.
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("freeport-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		if reserve(t, dir, port, above) {
			return strconv.Itoa(port)
		}
	}
	t.Fatalf("no free port from %d to %d", lowest, highest)
	return ""
}

// reserve locks the port and those above it if nothing listens on them, and
// reports whether it did.
func reserve(t testing.TB, dir string, port int, above []int) bool {
	t.Helper()
	var locks []*os.File
	release := func() {
		for _, lock := range locks {
			lock.Close()
		}
	}
	for _, offset := range append([]int{0}, above...) {
		number := strconv.Itoa(port + offset)
		lock, err := os.OpenFile(filepath.Join(dir, number), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			release()
			t.Fatal(err)
		}
		locks = append(locks, lock)
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !free(number) {
			release()
			return false
		}
	}
	t.Cleanup(release)
	return true
}

func free(port string) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
