package gatewaytest

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// footprint is what an idle gateway uses.
type footprint struct {
	goroutines int
	heap, rss  int64 // bytes
}

// How much more a gateway may use after the soak than before. Goroutines vary with the
// connections to Redis and the admin endpoint, the heap with what Caddy's logs and
// metrics pool, resident memory with what the runtime returns late.
const (
	moreGoroutines = 8
	moreHeap       = 8 << 20
	moreRSS        = 64 << 20
)

func (f footprint) String() string {
	return fmt.Sprintf("%d goroutines, %.1f MB of heap, %.1f MB resident", f.goroutines, float64(f.heap)/(1<<20), float64(f.rss)/(1<<20))
}

// footprints measures all gateways after a last reload, which closes the connections to
// Jira: their number depends on concurrent requests.
func (s *soak) footprints() (all [soakNodes]footprint) {
	s.t.Helper()
	for node := range s.nodes {
		s.reload(node, 0)
	}
	time.Sleep(soakDrained)
	for node := range s.nodes {
		all[node] = s.footprint(node)
		s.t.Logf("node %d: %s", node, all[node])
	}
	return all
}

func (s *soak) footprint(node int) (f footprint) {
	s.t.Helper()
	g := s.nodes[node]
	defer s.http.CloseIdleConnections()
	// The first collection frees garbage, the second what that kept alive.
	s.read(node, "/debug/pprof/heap?gc=1&debug=1")
	f.heap = number(s.read(node, "/debug/pprof/heap?gc=1&debug=1"), "\n# HeapAlloc = ")
	f.goroutines = int(number(s.read(node, "/debug/pprof/goroutine?debug=1"), "goroutine profile: total "))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	f.rss = number(string(status), "\nVmRSS:") << 10
	return f
}

func (s *soak) read(node int, path string) string {
	s.t.Helper()
	status, answer, err := s.adminCall(node, "GET", path, "soak", "", "")
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("GET %s: HTTP %d %v", path, status, err)
	}
	return answer
}

// number returns the number after a label, or -1 if there is none.
func number(text, label string) int64 {
	_, rest, _ := strings.Cut(text, label)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return -1
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// checkRest waits until the gateways use no more than before.
func (s *soak) checkRest(before [soakNodes]footprint) {
	s.t.Helper()
	s.footprints()
	for node := range s.nodes {
		eventually(s.t, fmt.Sprintf("node %d to use no more than before (%s)", node, before[node]), func() error {
			now := s.footprint(node)
			if now.goroutines > before[node].goroutines+moreGoroutines || now.heap > before[node].heap+moreHeap || now.rss > before[node].rss+moreRSS {
				time.Sleep(time.Second) // each measurement is a garbage collection
				return fmt.Errorf("%s", now)
			}
			return nil
		})
	}
}
