package redisstore

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
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
// The URL is for a standalone server: redis://, rediss:// or unix://.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if d.NextArg() {
		s.URL = d.Val()
		// Check the URL here too, where errors have line numbers.
		as := func(text string) (string, error) { return text, nil }
		if _, err := parseURL(s.URL, as); err != nil && !strings.Contains(s.URL, "{") {
			return d.Errf("store redis: %v", err)
		}
	}
	return option.Block{
		option.Texts("address", &s.Address),
		option.Text("username", &s.Username),
		option.Text("password", &s.Password),
		option.Number("db", &s.DB, 0),
		option.Text("sentinel_master", &s.SentinelMaster),
		option.Text("sentinel_username", &s.SentinelUsername),
		option.Text("sentinel_password", &s.SentinelPassword),
		option.Flag("cluster", &s.Cluster),
		option.Func("tls", s.unmarshalTLS),
		option.Duration("timeout", &s.Timeout),
		option.Duration("dial_timeout", &s.DialTimeout),
		option.Number("pool_size", &s.PoolSize, 0),
		option.Number("min_replicas", &s.MinReplicas, 0),
		option.Text("key_prefix", &s.KeyPrefix),
		option.Flag("create", &s.Create),
	}.Read(d, "store redis")
}

func (s *Store) unmarshalTLS(d *caddyfile.Dispenser) error {
	s.TLS = new(TLS)
	return option.Block{
		option.Text("ca", &s.TLS.CA),
		option.Text("server_name", &s.TLS.ServerName),
		option.Text("cert", &s.TLS.Cert),
		option.Text("key", &s.TLS.Key),
		option.Flag("insecure_skip_verify", &s.TLS.InsecureSkipVerify),
	}.Read(d, "tls")
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Store)(nil)
