package jiratokens

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/storage"

	_ "github.com/jiratokens/caddy-jira-tokens/storage/redis"
)

// Cache configures how many tokens are kept in memory, and for how long they are
// trusted.
type Cache struct {
	// The maximum number of tokens in the cache. Default: 100000
	Size int `json:"size,omitempty"`

	// The age at which a token is read from the store again, even if nothing
	// has changed. Changes normally take effect immediately; this bounds the
	// delay if a notification is lost. Default: `30s`
	TTL caddy.Duration `json:"ttl,omitempty"`

	// How long cached tokens still work while the store cannot be reached,
	// counted from when they were last read. `off` or `0`: no longer than ttl.
	// Default: `10m`
	Grace *Grace `json:"grace,omitempty"`
}

// Grace is a duration, or "off" for none.
type Grace time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *Grace) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*g = 0
		return nil
	}
	d, err := caddy.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("invalid duration %q: expected one such as 30s or 10m, or off", text)
	}
	*g = Grace(d)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler. It accepts what UnmarshalText accepts,
// or a number of nanoseconds.
func (g *Grace) UnmarshalJSON(text []byte) error {
	if unquoted, err := strconv.Unquote(string(text)); err == nil {
		return g.UnmarshalText([]byte(unquoted))
	}
	return json.Unmarshal(text, (*time.Duration)(g))
}

func (c *Cache) check() error {
	switch {
	case c.Size < 1:
		return fmt.Errorf("cache size %d: must be at least 1", c.Size)
	case c.TTL < caddy.Duration(time.Second):
		return fmt.Errorf("cache ttl %s: must be at least 1s", time.Duration(c.TTL))
	case *c.Grace < 0:
		return fmt.Errorf("cache grace %s: must not be negative", time.Duration(*c.Grace))
	}
	return nil
}

func (c *Cache) options() storage.CacheOptions {
	return storage.CacheOptions{
		Size:        c.Size,
		TTL:         time.Duration(c.TTL),
		Grace:       time.Duration(*c.Grace),
		ReadTimeout: 5 * time.Second, // stores have shorter timeouts of their own
	}
}
