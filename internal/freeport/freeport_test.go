package freeport

import (
	"net"
	"strconv"
	"testing"
)

func TestReserve(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port, err := strconv.Atoi(Find(t, 10_000))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a test", func(t *testing.T) {
		if !reserve(t, dir, port, []int{10_000}) {
			t.Fatalf("port %d is free", port)
		}
		if reserve(t, dir, port, nil) || reserve(t, dir, port+10_000, nil) || reserve(t, dir, port-1, []int{1}) {
			t.Error("a port was given out twice")
		}
	})
	if !reserve(t, dir, port, nil) {
		t.Error("a port is still reserved after the end of its test")
	}
	if reserve(t, dir, taken.Addr().(*net.TCPAddr).Port, nil) {
		t.Error("a port was given out that something listens on")
	}
}
