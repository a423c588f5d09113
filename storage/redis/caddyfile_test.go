package redisstore

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestUnmarshalCaddyfile(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"nothing", `redis`, `{}`},
		{"url", `redis redis://127.0.0.1:6379/0`, `{"url":"redis://127.0.0.1:6379/0"}`},
		{"url with a placeholder", `redis rediss://u:{env.P}@h`, `{"url":"rediss://u:{env.P}@h"}`},
		{"all options", `redis {
			address           a:1 b:2
			username          u
			password          {env.P}
			db                3
			sentinel_master   m
			sentinel_username su
			sentinel_password {file./run/sp}
			cluster
			tls {
				ca          ca.pem
				server_name redis
				cert        c.pem
				key         k.pem
				insecure_skip_verify
			}
			timeout      1s
			dial_timeout 100ms
			pool_size    32
			min_replicas 2
			key_prefix   other
		}`, `{"address":["a:1","b:2"],"username":"u","password":"{env.P}","db":3,"sentinel_master":"m",
			"sentinel_username":"su","sentinel_password":"{file./run/sp}","cluster":true,
			"tls":{"ca":"ca.pem","server_name":"redis","cert":"c.pem","key":"k.pem","insecure_skip_verify":true},
			"timeout":1000000000,"dial_timeout":100000000,"pool_size":32,"min_replicas":2,"key_prefix":"other"}`},
		{"url and options", "redis rediss://h {\n tls {\n ca x\n}\n}", `{"url":"rediss://h","tls":{"ca":"x"}}`},
		{"tls with defaults", "redis {\n tls\n}", `{"tls":{}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got, want Store
			if err := got.UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.in)); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			if string(g) != string(w) {
				t.Errorf("got %s, want %s", g, w)
			}
		})
	}
}

func TestUnmarshalCaddyfileErrors(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"redis http://h", `invalid scheme "http"`},
		{"redis h:6379", "expected redis://"},
		{"redis redis://:" + secret + "@h:x", "expected redis://"},
		{"redis redis://" + secret + ":" + secret + "%zz@h", "write % as %25"},
		{"redis redis://h?dial_timeout=3s", `parameter "dial_timeout"`},
		{"redis redis://h/x", `invalid db "x"`},
		{"redis unix://relative/path", "absolute path"},
		{"redis redis://:" + secret + "@h " + secret, "too many arguments"},
		{"redis {\n passwort x\n}", `unknown option "passwort" of store redis: expected address, username`},
		{"redis {\n password " + secret + "\n password " + secret + "\n}", "password is given twice"},
		{"redis {\n password " + secret + " " + secret + "\n}", "password: too many arguments"},
		{"redis {\n password\n}", "password: missing argument"},
		{"redis {\n username \"\"\n}", "username: empty argument"},
		{"redis {\n address\n}", "address: missing argument"},
		{"redis {\n db one\n}", `db "one"`},
		{"redis {\n pool_size -1\n}", `pool_size "-1"`},
		{"redis {\n min_replicas all\n}", `min_replicas "all"`},
		{"redis {\n timeout 5\n}", `timeout "5"`},
		{"redis {\n timeout 0s\n}", `timeout "0s"`},
		{"redis {\n cluster yes\n}", "cluster: too many arguments"},
		{"redis {\n tls " + secret + "\n}", "tls: too many arguments"},
		{"redis {\n tls {\n verify no\n}\n}", `unknown option "verify" of tls: expected ca, server_name`},
	} {
		t.Run(test.in, func(t *testing.T) {
			err := new(Store).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.in))
			if err == nil {
				t.Fatal("no error")
			}
			if text := err.Error(); !strings.Contains(text, test.want) || !strings.Contains(text, "Testfile:") || strings.Contains(text, secret) {
				t.Errorf("%s: want %q and the line, but no password", text, test.want)
			}
		})
	}
}

func TestProvisionAndValidateErrors(t *testing.T) {
	t.Setenv("EMPTY", "")
	for _, test := range []struct {
		name   string
		module Store
		want   string
	}{
		{"empty password", Store{Password: "{env.EMPTY}"}, "password: "},
		{"unknown placeholder", Store{Address: []string{"{no.such.placeholder}"}}, "address: "},
		{"empty placeholder in the URL", Store{URL: "redis://:{env.EMPTY}@h"}, "password in the URL"},
		{"URL and address", Store{URL: "redis://h", Address: []string{"h"}}, "either"},
		{"cluster and sentinel", Store{Cluster: true, SentinelMaster: "m"}, "mutually exclusive"},
		{"cluster and db", Store{Cluster: true, DB: 1}, "only db 0"},
		{"several addresses", Store{Address: []string{"a", "b"}}, "add cluster or sentinel_master"},
		{"sentinel password without sentinel", Store{SentinelPassword: secret}, "require sentinel_master"},
		{"user without password", Store{Username: "u"}, "requires password"},
		{"key prefix", Store{KeyPrefix: "a b"}, "braces"},
		{"cert without key", Store{TLS: &TLS{Cert: "../redis/apply.lua"}}, "require each other"},
		{"no CA file", Store{TLS: &TLS{CA: "/nonexistent"}}, "/nonexistent"},
		{"file that is not a CA", Store{TLS: &TLS{CA: "apply.lua"}}, "no PEM certificate"},
		{"cluster on a socket", Store{Cluster: true, Address: []string{"/run/redis.sock"}}, "unix socket"},
		{"negative", Store{PoolSize: -1}, "negative"},
		{"negative number of replicas", Store{MinReplicas: -1}, "min_replicas -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.module.Provision(caddy.Context{})
			if err == nil {
				err = test.module.Validate()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestKey(t *testing.T) {
	key := func(s Store) string {
		if err := s.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		return s.Key()
	}
	plain := key(Store{})
	if plain != key(Store{}) || plain != key(Store{URL: "redis://127.0.0.1"}) {
		t.Error("equal configurations have different keys")
	}
	seen := map[string]Store{plain: {}}
	for _, s := range []Store{
		{Address: []string{"other"}},
		{Password: secret},
		{Password: "x", Username: "u"},
		{DB: 1},
		{Cluster: true},
		{SentinelMaster: "m"},
		{TLS: &TLS{}},
		{TLS: &TLS{ServerName: "x"}},
		{PoolSize: 1},
		{MinReplicas: 1},
		{KeyPrefix: "x"},
		{Timeout: 1},
		{DialTimeout: 1},
	} {
		k := key(s)
		if _, ok := seen[k]; ok {
			t.Errorf("%+v has the same key as another configuration", s)
		}
		if seen[k] = s; strings.Contains(k, secret) {
			t.Errorf("key %q contains the password", k)
		}
	}
}

func TestAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"redis://h":               "h:6379",
		"redis://[::1]":           "[::1]:6379",
		"redis://[::1]:7000/3":    "[::1]:7000",
		"redis://u:a/b?c#d@h:1/0": "h:1",
		"rediss://h:1?db=2":       "h:1",
		"unix:///run/redis.sock":  "/run/redis.sock",
		"unix://:p@/r.sock?db=1":  "/r.sock",
	} {
		s := Store{URL: url}
		if err := s.Provision(caddy.Context{}); err != nil {
			t.Errorf("%s: %v", url, err)
		} else if got := s.settings.Address[0]; got != want {
			t.Errorf("%s: address %q, want %q", url, got, want)
		}
	}
}
