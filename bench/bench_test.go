package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// scripted is a connection that replays prepared bytes.
type scripted struct {
	net.Conn
	io.Reader
}

func (s scripted) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func TestConnectionFindsTheEndOfResponses(t *testing.T) {
	large := strings.Repeat("x", 40_000)
	script := "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" +
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n1\r\n\n\r\n0\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n" + large + "\r\n0\r\n\r\n" +
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 40000\r\n\r\n" + large
	for name, reader := range map[string]io.Reader{
		"at once": strings.NewReader(script), "byte by byte": iotest.OneByteReader(strings.NewReader(script)),
	} {
		c := &connection{Conn: scripted{Reader: reader}, buffer: make([]byte, 16<<10)}
		for i, want := range []int{200, 401, 200, 200, 503} {
			if got, err := c.skip(); got != want || err != nil {
				t.Fatalf("%s: response %d: status %d (%v), want %d", name, i, got, err, want)
			}
		}
		if _, err := c.skip(); err != io.EOF {
			t.Errorf("%s: after the last response: %v", name, err)
		}
	}
}

func TestUpstreamAnswersLikeJira(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go answerAll(there, upstreamAnswer("http://jira.example.com"))
	for range 2 {
		if _, err := here.Write(request("gateway", "u", "p")); err != nil {
			t.Fatal(err)
		}
		c := &connection{Conn: here, buffer: make([]byte, 16<<10)}
		if status, err := c.skip(); status != http.StatusOK || err != nil || c.start != c.end {
			t.Fatalf("HTTP %d (%v), %d bytes left over", status, err, c.end-c.start)
		}
	}
}

func TestOrderRotates(t *testing.T) {
	all := []*series{{memory: memory{peak: 0}}, {memory: memory{peak: 1}}, {memory: memory{peak: 2}}}
	first := map[int64]int{}
	for round := range 6 {
		turned := order(all, round)
		if !slices.ContainsFunc(turned, func(s *series) bool { return s == all[round%3] }) || len(turned) != 3 {
			t.Fatalf("round %d: %v", round, turned)
		}
		first[turned[0].memory.peak]++
	}
	if fmt.Sprint(first) != "map[0:2 1:2 2:2]" {
		t.Errorf("times in first place: %v", first)
	}
}

func TestQuantiles(t *testing.T) {
	if got := quantile([]time.Duration{1, 2, 3, 4}, 0.5); got != 2 {
		t.Errorf("p50 %v", got)
	}
	if got := quantile([]time.Duration{1, 2, 3, 4}, 0.99); got != 4 {
		t.Errorf("p99 %v", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v", got)
	}
}

func TestParseTop(t *testing.T) {
	got := parseTop("File: caddy\n      flat  flat%   sum%        cum   cum%\n" +
		"1500ns 17.27% 17.27%     2000ns 20.00%  net/http.(*conn).serve\n" +
		"    12  1.00%  1.00%         15  1.10%  example.com/a/b.f[go.shape.struct { x/y.Z }] (inline)\n")
	want := []sample{{"net/http.(*conn).serve", 1500, "17.27%"}, {"example.com/a/b.f[go.shape.struct { x/y.Z }] (inline)", 12, "1.00%"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for i, name := range []string{"net/http", "example.com/a/b"} {
		if got := packageOf(want[i].function); got != name {
			t.Errorf("package %q, want %q", got, name)
		}
	}
}
