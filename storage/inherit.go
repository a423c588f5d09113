package storage

import "math"

// inherited is the epoch of records taken over from another cache. No cache ever
// reaches it, so each of these records is read again before it is trusted.
const inherited = math.MaxUint64

// Inherit takes over the records of another cache in front of the same store, for a
// reload that changes the bounds. Every inherited record is read again at its next
// use, but serves for Grace while the store is away.
//
// Inherit can be called again while the other cache is still kept up to date, to
// take over changes that only the other cache has been notified of.
func (c *Cache) Inherit(from *Cache) {
	for id, entry := range c.known.All() {
		if _, ok := from.known.GetEntryQuietly(id); !ok && entry.epoch == inherited {
			c.inherit(id, &cached{}) // it may have been deleted
		}
	}
	for id, entry := range from.known.All() {
		c.inherit(id, &cached{record: entry.record, loadedAt: entry.loadedAt, epoch: inherited})
	}
}

// inherit takes over an entry, unless this cache has read the record itself.
func (c *Cache) inherit(id string, entry *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own, ok := c.known.GetEntryQuietly(id); ok && own.Value.epoch != inherited {
		return
	}
	c.known.Set(id, entry)
}
