package limits

import "sync"

// concurrency counts requests in flight by name.
type concurrency struct {
	mu       sync.Mutex
	inFlight map[string]int
}

// enter counts one more request and reports true, unless most are already in
// flight.
func (c *concurrency) enter(name string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight[name] >= most {
		return false
	}
	if c.inFlight == nil {
		c.inFlight = make(map[string]int)
	}
	c.inFlight[name]++
	return true
}

// leave counts one request less.
func (c *concurrency) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight[name]--; c.inFlight[name] == 0 {
		delete(c.inFlight, name)
	}
}
