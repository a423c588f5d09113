package storage

import "math"

// inherited is the epoch of records that were taken over from another cache: no
// cache gets as far, so that each is read again before it is believed.
const inherited = math.MaxUint64

// Inherit takes over what another cache in front of the same store knows, as on
// a reload that changes the bounds. Every record is read again at its next use,
// but serves through Grace while the store is away.
//
// It can be called again as long as the other cache is kept up to date, and then
// takes over what that has learned meanwhile: a change that only the other one
// has heard of counts here too.
func (c *Cache) Inherit(from *Cache) {
	for id, entry := range c.known.All() {
		if _, ok := from.known.GetEntryQuietly(id); !ok && entry.epoch == inherited {
			c.inherit(id, &cached{}) // it may be gone
		}
	}
	for id, entry := range from.known.All() {
		c.inherit(id, &cached{record: entry.record, loadedAt: entry.loadedAt, epoch: inherited})
	}
}

// inherit takes over an entry, unless it was read here.
func (c *Cache) inherit(id string, entry *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own, ok := c.known.GetEntryQuietly(id); ok && own.Value.epoch != inherited {
		return
	}
	c.known.Set(id, entry)
}
