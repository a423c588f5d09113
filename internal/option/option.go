// Package option reads the options of Caddyfile blocks.
package option

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// MaxConcurrent reads the greatest number of requests in flight.
func MaxConcurrent(d *caddyfile.Dispenser, value *int) error {
	if *value != 0 {
		return d.Err("max_concurrent is given twice")
	}
	var text string
	if !d.Args(&text) || d.NextArg() {
		return d.Err("max_concurrent: wants one number")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return d.Errf("max_concurrent %q: want a number of requests, at least 1", text)
	}
	*value = n
	return nil
}
