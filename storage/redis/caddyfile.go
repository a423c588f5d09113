package redisstore

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	redis [<url>] {
//	    address           <host:port|path>...
//	    username          <name>
//	    password          <secret>
//	    db                <number>
//	    sentinel_master   <name>
//	    sentinel_username <name>
//	    sentinel_password <secret>
//	    cluster
//	    tls {
//	        ca          <file>
//	        server_name <name>
//	        cert        <file>
//	        key         <file>
//	        insecure_skip_verify
//	    }
//	    timeout      <duration>
//	    dial_timeout <duration>
//	    pool_size    <number>
//	    min_replicas <number>
//	    key_prefix   <text>
//	    create
//	}
//
// The URL is that of a standalone server: redis://, rediss:// or unix://.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if d.NextArg() {
		s.URL = d.Val()
		// Checked here too, where line numbers are known.
		as := func(text string) (string, error) { return text, nil }
		if _, err := parseURL(s.URL, as); err != nil && !strings.Contains(s.URL, "{") {
			return d.Errf("store redis: %v", err)
		}
	}
	if d.NextArg() {
		// The arguments are not shown: one of them may be a password.
		return d.Err("store redis: too many arguments: want one URL, and everything else in a block")
	}
	return options(d, "store redis", map[string]func() error{
		"address": func() error {
			if s.Address = d.RemainingArgs(); len(s.Address) == 0 {
				return d.Err("store redis: address: want one or more of host:port, or the path of a unix socket")
			}
			return nil
		},
		"username":          func() error { return text(d, &s.Username) },
		"password":          func() error { return text(d, &s.Password) },
		"db":                func() error { return number(d, &s.DB) },
		"sentinel_master":   func() error { return text(d, &s.SentinelMaster) },
		"sentinel_username": func() error { return text(d, &s.SentinelUsername) },
		"sentinel_password": func() error { return text(d, &s.SentinelPassword) },
		"cluster":           func() error { return flag(d, &s.Cluster) },
		"tls":               func() error { return s.unmarshalTLS(d) },
		"timeout":           func() error { return duration(d, &s.Timeout) },
		"dial_timeout":      func() error { return duration(d, &s.DialTimeout) },
		"pool_size":         func() error { return number(d, &s.PoolSize) },
		"min_replicas":      func() error { return number(d, &s.MinReplicas) },
		"key_prefix":        func() error { return text(d, &s.KeyPrefix) },
		"create":            func() error { return flag(d, &s.Create) },
	}, "address, username, password, db, sentinel_master, sentinel_username, sentinel_password, "+
		"cluster, tls, timeout, dial_timeout, pool_size, min_replicas, key_prefix, create")
}

func (s *Store) unmarshalTLS(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("store redis: tls: unexpected %q: its options are in a block", d.Val())
	}
	s.TLS = new(TLS)
	return options(d, "store redis: tls", map[string]func() error{
		"ca":                   func() error { return text(d, &s.TLS.CA) },
		"server_name":          func() error { return text(d, &s.TLS.ServerName) },
		"cert":                 func() error { return text(d, &s.TLS.Cert) },
		"key":                  func() error { return text(d, &s.TLS.Key) },
		"insecure_skip_verify": func() error { return flag(d, &s.TLS.InsecureSkipVerify) },
	}, "ca, server_name, cert, key, insecure_skip_verify")
}

// options reads a block of options that are known by name, each once.
func options(d *caddyfile.Dispenser, where string, known map[string]func() error, names string) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		read, ok := known[name]
		switch {
		case !ok:
			return d.Errf("%s: unknown option %q: want one of %s", where, name, names)
		case seen[name]:
			return d.Errf("%s: option %q is there twice", where, name)
		}
		seen[name] = true
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// argument reads an option's one argument. Errors do not show what was there
// instead: it may be a secret.
func argument(d *caddyfile.Dispenser, want string) (name, value string, err error) {
	name = d.Val()
	if !d.NextArg() {
		return name, "", d.Errf("store redis: %s: missing argument: want %s", name, want)
	}
	value = d.Val()
	if d.NextArg() {
		return name, "", d.Errf("store redis: %s: too many arguments: want %s", name, want)
	}
	if value == "" {
		return name, "", d.Errf("store redis: %s: empty argument: want %s", name, want)
	}
	return name, value, nil
}

func text(d *caddyfile.Dispenser, to *string) error {
	_, value, err := argument(d, "one text, quoted when it has spaces")
	*to = value
	return err
}

func number(d *caddyfile.Dispenser, to *int) error {
	name, value, err := argument(d, "a number")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return d.Errf("store redis: %s %q: want a number, not below 0", name, value)
	}
	*to = n
	return nil
}

func duration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name, value, err := argument(d, "a duration such as 500ms")
	if err != nil {
		return err
	}
	dur, err := caddy.ParseDuration(value)
	if err != nil || dur <= 0 {
		return d.Errf("store redis: %s %q: want a duration above 0, such as 500ms or 2s", name, value)
	}
	*to = caddy.Duration(dur)
	return nil
}

func flag(d *caddyfile.Dispenser, to *bool) error {
	if name := d.Val(); d.NextArg() {
		return d.Errf("store redis: %s: unexpected argument: it takes none", name)
	}
	*to = true
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Store)(nil)
