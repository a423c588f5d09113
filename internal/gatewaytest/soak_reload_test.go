package gatewaytest

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"syscall"
	"time"
)

// The configurations of a node: with different caches, one of them smaller than needed,
// and different logs.
var soakConfigurations = []struct{ cache, log string }{
	{"size 1000", "INFO"},
	{"size 1000", "WARN"},
	{"size 2000", "INFO"},
	{"size 10", "INFO"},
}

const soakVariants = 4

func (s *soak) options(variant int) options {
	c := soakConfigurations[variant]
	return options{
		upstream: s.nodes[0].upstreamOrNone(),
		store:    "store redis " + s.redis.URL(),
		apps:     "cache {\n" + c.cache + "\nttl " + soakTTL.String() + "\ngrace " + soakGrace.String() + "\n}",
		// Without the debug level, which logs too much.
		global: "log {\nlevel " + c.log + "\n}",
	}
}

func (g *gateway) upstreamOrNone() *upstream {
	if g == nil {
		return nil
	}
	return g.up
}

// reloader reloads the nodes' configurations.
func (s *soak) reloader(r *rand.Rand) {
	for s.on() {
		s.pause(r, 500*time.Millisecond, 5*time.Second)
		s.reload(r.IntN(soakNodes), r.IntN(soakVariants))
	}
}

// reload loads a configuration, as `caddy reload` does.
func (s *soak) reload(node, variant int) {
	g := s.nodes[node]
	kind := reloaded
	if before := g.options.apps; before != s.options(variant).apps {
		kind = reloadedWithACache
	}
	g.options = s.options(variant)
	defer s.trouble(&spell{trouble: kind, node: node})()
	var status int
	var answer string
	var err error
	for range 3 { // see gateway.reload
		status, answer, err = s.adminCall(node, "POST", "/load", "soak", "text/caddyfile", g.render(g.options))
		if !errors.Is(err, syscall.ECONNRESET) {
			break
		}
	}
	if err != nil || status != http.StatusOK {
		s.model.fail("reload of node %d with configuration %d: HTTP %d %s %v", node, variant, status, answer, err)
	}
}
