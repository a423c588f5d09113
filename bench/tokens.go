package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// census holds the results for one store size.
type census struct {
	tokens   int
	bytes    int64         // size of the whole store
	filling  time.Duration // time to add the last tokens
	added    int           // how many were added in that time
	read     time.Duration // one read from the store
	recalled time.Duration // one hit in the cache in front of it
	start    time.Duration // from starting Caddy to its first successful response
	catalog  time.Duration // from the first list to the catalog of tokens
	pages    []timing
}

// page is a request to the admin API for numbers or a page of tokens.
type page struct {
	what string
	// path is below /jira_tokens/.
	path func(tokens int) string
}

// timing is how long a page took: in the median, and at most.
type timing struct{ median, longest time.Duration }

func pages() []page {
	list := func(what, query string) page {
		return page{what, func(n int) string {
			middle := url.Values{"owner": {ownerOf(n / 2)}, "token": {fmt.Sprintf("token %d of", n/2)}}
			for name, values := range middle {
				query = strings.ReplaceAll(query, "{"+name+"}", url.QueryEscape(values[0]))
			}
			return "tokens?" + query
		}}
	}
	return []page{
		list("first 100", ""),
		list("first 1000", "limit=1000"),
		list("of an owner", "owner={owner}"),
		list("search, common", "search=build+server"),
		list("search, one", "search={token}"),
		list("search, none", "search=nobody"),
		// No token has these, so that all are looked at.
		list("expired", "state=expired"),
		list("suspended", "state=suspended"),
		list("scope", "scope=admin"),
		list("kind", "kind=service"),
		list("project", "project=ACME"),
		list("network", "network=203.0.113.7"),
		list("account", "account=other"),
		list("expiring", "expiring=1d"),
		list("unused", "unused=9000d"),
		list("used", "used_after=1000d"),
		list("never used", "never_used=true"),
		list("created", "created_before=300d&scope=admin"),
		list("by expiry", "sort=expires"),
		list("by last use", "sort=last_used"),
		list("by owner", "sort=owner"),
		{"overview", func(int) string { return "overview" }},
	}
}

// tokens measures each store as it grows, then the memory of a Caddy that has
// served many of its tokens.
func tokens(l *lab, o *options) error {
	jira, err := l.startUpstream()
	if err != nil {
		return err
	}
	fmt.Fprintf(l.out, "## Many tokens\n\n%s\n\n", machine())
	for _, name := range o.stores {
		if err := measureStore(l, o, name, jira); err != nil {
			return fmt.Errorf("store %s: %w", name, err)
		}
	}
	return nil
}

func measureStore(l *lab, o *options, name, jira string) error {
	s, err := l.openBig(name)
	if err != nil {
		return err
	}
	empty, err := s.size(l.ctx)
	if err != nil {
		return err
	}
	var all []census
	filled := &population{keep: o.cached}
	for _, n := range sizes(o.tokens) {
		l.say("store %s: %d tokens", name, n)
		c, err := s.count(l, o, filled, n)
		if err != nil {
			return err
		}
		c.bytes -= empty
		if err := c.throughCaddy(l, s, filled, jira); err != nil {
			return err
		}
		all = append(all, c)
	}
	l.say("store %s: Caddy with %d tokens in memory", name, len(filled.secrets))
	held, err := holdMany(l, s, filled, jira)
	if err != nil {
		return err
	}
	reportTokens(l.out, name, all, held)
	return nil
}

// sizes returns the powers of ten from 1000 up to largest, then largest itself.
func sizes(largest int) []int {
	var sizes []int
	for n := 1000; n < largest; n *= 10 {
		sizes = append(sizes, n)
	}
	return append(sizes, largest)
}

// count grows the store and measures it without a Caddy.
func (s *bigStore) count(l *lab, o *options, filled *population, n int) (c census, err error) {
	store, err := s.open(l.ctx)
	if err != nil {
		return c, err
	}
	c.tokens, c.added = n, n-len(filled.ids)
	began := time.Now()
	if err := filled.grow(l.ctx, store, n); err != nil {
		return c, errors.Join(err, store.Close())
	}
	c.filling = time.Since(began)
	if c.bytes, err = s.size(l.ctx); err == nil {
		c.read, c.recalled, err = timeLookups(l, o, store, filled.ids)
	}
	return c, errors.Join(err, store.Close()) // Caddy opens it next
}

// timeLookups times reads spread across the store, and hits in a cache that is
// nearly full.
func timeLookups(l *lab, o *options, store storage.Store, ids []string) (read, recalled time.Duration, err error) {
	const reads, recalls = 5_000, 500_000
	began := time.Now()
	for i := range reads {
		if _, err := store.Get(l.ctx, ids[scattered(i, len(ids))]); err != nil {
			return 0, 0, err
		}
	}
	read = time.Since(began) / reads
	cache := storage.NewCache(l.ctx, store, storage.CacheOptions{
		Size: o.cached, TTL: time.Hour, Grace: time.Hour, ReadTimeout: patience,
	})
	known := ids[:min(len(ids), o.cached*9/10)] // few enough that none is evicted
	for _, id := range known {
		if _, err := cache.Get(l.ctx, id); err != nil {
			return 0, 0, err
		}
	}
	began = time.Now()
	for i := range recalls {
		if _, err := cache.Get(l.ctx, known[scattered(i, len(known))]); err != nil {
			return 0, 0, err
		}
	}
	return read, time.Since(began) / recalls, nil
}

// scattered returns index i of a fixed pseudo-random walk over n items.
func scattered(i, n int) int {
	const step = 7_368_787 // prime, so that the walk visits every item
	return i * step % n
}

// throughCaddy measures the start of a Caddy and lists through its admin API.
func (c *census) throughCaddy(l *lab, s *bigStore, filled *population, jira string) error {
	const starts, asks = 3, 11
	var node *caddy
	var times []float64
	var err error
	for range starts {
		if node != nil {
			node.stop()
		}
		began := time.Now()
		if node, err = startWith(l, s, filled, jira); err != nil {
			return err
		}
		times = append(times, float64(time.Since(began)))
	}
	defer node.stop()
	c.start = time.Duration(median(times))
	if c.catalog, err = l.untilCounted(node); err != nil {
		return err
	}
	for _, page := range pages() {
		path := "/jira_tokens/" + page.path(c.tokens)
		var times []float64
		for range asks {
			began := time.Now()
			if err := node.call(http.MethodGet, path, nil, nil); err != nil {
				return err
			}
			times = append(times, float64(time.Since(began)))
		}
		c.pages = append(c.pages, timing{time.Duration(median(times)), time.Duration(slices.Max(times))})
	}
	return nil
}

// untilCounted waits until the gateway can count its tokens, and returns how long that took.
func (l *lab) untilCounted(node *caddy) (time.Duration, error) {
	began := time.Now()
	for {
		err := node.call(http.MethodGet, "/jira_tokens/overview", nil, nil)
		if err == nil || time.Since(began) > 10*patience {
			return time.Since(began), err
		}
		if l.ctx.Err() != nil {
			return 0, l.ctx.Err()
		}
	}
}

// startWith starts a Caddy on a store and waits for its first successful response.
func startWith(l *lab, s *bigStore, filled *population, jira string) (*caddy, error) {
	node, err := l.launchCaddy(caddyOptions{
		name: "Caddy with many tokens", global: gatewayOptions(s.line), site: "\tjira_gateway " + jira + "\n",
	})
	if err != nil {
		return nil, err
	}
	return node, l.until(node.process, 2*time.Millisecond, func() error {
		status, _, err := fetch(node.address, filled.request(0, node.address))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("HTTP %d for a valid token", status)
		}
		return err
	})
}

// held is the memory use of a Caddy before and after many tokens were used.
type held struct {
	tokens        int
	before, after footprint
}

// footprint is the memory use and live heap of a Caddy.
type footprint struct {
	memory
	heap int64
}

// holdMany uses many tokens once, so that they are cached.
func holdMany(l *lab, s *bigStore, filled *population, jira string) (*held, error) {
	node, err := startWith(l, s, filled, jira)
	if err != nil {
		return nil, err
	}
	defer node.stop()
	h := &held{tokens: len(filled.secrets)}
	// The same connections with one token, so that only the tokens differ.
	if err := useTokens(node, filled, func(int) int { return 0 }); err != nil {
		return nil, err
	}
	if h.before, err = node.footprint(); err != nil {
		return nil, err
	}
	if err := useTokens(node, filled, func(i int) int { return i }); err != nil {
		return nil, err
	}
	h.after, err = node.footprint()
	return h, err
}

// footprint reads the resident size first, because liveHeap collects garbage.
func (c *caddy) footprint() (f footprint, err error) {
	if f.memory, err = c.memory(); err != nil {
		return f, err
	}
	f.heap, err = c.liveHeap()
	return f, err
}

// useTokens sends as many requests as there are secrets, on 16 connections.
func useTokens(node *caddy, filled *population, which func(int) int) error {
	failures := make([]error, 16)
	var using sync.WaitGroup
	for w := range failures {
		using.Go(func() {
			c, err := dial(node.address)
			if err != nil {
				failures[w] = err
				return
			}
			defer c.Close()
			for i := w; i < len(filled.secrets); i += len(failures) {
				status, err := c.exchange(filled.request(which(i), node.address))
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("HTTP %d for a valid token", status)
				}
				if err != nil {
					failures[w] = err
					return
				}
			}
		})
	}
	using.Wait()
	return errors.Join(failures...)
}

// liveHeap returns the size of the heap after a garbage collection.
func (c *caddy) liveHeap() (int64, error) {
	if err := c.call(http.MethodGet, "/debug/pprof/heap?gc=1", nil, nil); err != nil {
		return 0, err
	}
	var text []byte
	if err := c.call(http.MethodGet, "/metrics", nil, &text); err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if value, ok := strings.CutPrefix(string(line), "go_memstats_heap_alloc_bytes "); ok {
			bytes, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(bytes), err
		}
	}
	return 0, errors.New("go_memstats_heap_alloc_bytes is missing from Caddy's metrics")
}
