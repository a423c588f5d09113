package limits

import "sync"

// concurrency counts the requests that are under way, by name.
type concurrency struct {
	mu       sync.Mutex
	underWay map[string]int
}

// enter counts one more request, unless most are under way already.
func (c *concurrency) enter(name string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay[name] >= most {
		return false
	}
	if c.underWay == nil {
		c.underWay = make(map[string]int)
	}
	c.underWay[name]++
	return true
}

// leave counts one less.
func (c *concurrency) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay[name]--; c.underWay[name] == 0 {
		delete(c.underWay, name)
	}
}
