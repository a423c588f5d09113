package limits

import "sync"

// concurrency counts requests in flight by name.
type concurrency struct {
	mu       sync.Mutex
	inFlight map[string]int
}

// enter counts one more request and returns true, unless limit requests are already in
// flight.
func (c *concurrency) enter(name string, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight[name] >= limit {
		return false
	}
	if c.inFlight == nil {
		c.inFlight = make(map[string]int)
	}
	c.inFlight[name]++
	return true
}

// leave counts one request fewer.
func (c *concurrency) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight[name]--; c.inFlight[name] == 0 {
		delete(c.inFlight, name)
	}
}
