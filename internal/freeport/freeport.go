// Package freeport finds ports for test servers.
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

// The range is below Linux's ephemeral ports, which a connection or another
// listener could take before the server listens.
const lowest, highest = 10_000, 22_000

// Find returns a port of 127.0.0.1 that nothing listens on. It is reserved, across
// processes, until the test ends, so servers may restart on it. So are the ports
// at the given offsets above it.
func Find(t testing.TB, above ...int) string {
	t.Helper()
	// One lock directory per user: users cannot open each other's files.
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

// reserve locks the port and those above it. It reports false if any is taken.
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
