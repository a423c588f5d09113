package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Defaults of the options.
const (
	defaultAddress     = "127.0.0.1:6379"
	defaultPort        = "6379"
	defaultTimeout     = 500 * time.Millisecond
	defaultDialTimeout = 250 * time.Millisecond
	defaultPoolSize    = 16
	defaultKeyPrefix   = "jira_tokens"
)

// settings is a Store's configuration with placeholders, defaults and files resolved.
// It contains secrets. Its fields are exported for Key, which hashes their JSON.
type settings struct {
	Address                            []string
	Username, Password                 string
	DB                                 int
	SentinelMaster                     string
	SentinelUsername, SentinelPassword string
	Cluster                            bool
	TLS                                bool
	TLSOptions                         TLS
	CA, Cert, CertKey                  []byte // contents of the files in TLSOptions
	Timeout, DialTimeout               time.Duration
	PoolSize                           int
	MinReplicas                        int
	KeyPrefix                          string
}

// resolve replaces placeholders, sets defaults and reads the certificate files.
func (s *Store) resolve(repl *caddy.Replacer) (*settings, error) {
	r := settings{
		DB: s.DB, Cluster: s.Cluster,
		Timeout: time.Duration(s.Timeout), DialTimeout: time.Duration(s.DialTimeout), PoolSize: s.PoolSize,
		MinReplicas: s.MinReplicas, TLS: s.TLS != nil,
	}
	type text struct {
		in  string
		out *string
	}
	texts := map[string]text{
		"username":          {s.Username, &r.Username},
		"password":          {s.Password, &r.Password},
		"sentinel_master":   {s.SentinelMaster, &r.SentinelMaster},
		"sentinel_username": {s.SentinelUsername, &r.SentinelUsername},
		"sentinel_password": {s.SentinelPassword, &r.SentinelPassword},
		"key_prefix":        {s.KeyPrefix, &r.KeyPrefix},
	}
	if s.TLS != nil {
		r.TLSOptions = *s.TLS
		texts["tls ca"] = text{s.TLS.CA, &r.TLSOptions.CA}
		texts["tls server_name"] = text{s.TLS.ServerName, &r.TLSOptions.ServerName}
		texts["tls cert"] = text{s.TLS.Cert, &r.TLSOptions.Cert}
		texts["tls key"] = text{s.TLS.Key, &r.TLSOptions.Key}
	}
	for name, text := range texts {
		var err error
		if *text.out, err = repl.ReplaceOrErr(text.in, true, true); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, address := range s.Address {
		address, err := repl.ReplaceOrErr(address, true, true)
		if err != nil {
			return nil, fmt.Errorf("address: %w", err)
		}
		r.Address = append(r.Address, withPort(address, r.SentinelMaster != ""))
	}
	if s.URL != "" {
		if len(s.Address) > 0 || s.Username != "" || s.Password != "" || s.DB != 0 {
			return nil, errors.New("address, username, password and db are parts of the URL: set either them or the URL, not both")
		}
		where, err := parseURL(s.URL, func(text string) (string, error) { return repl.ReplaceOrErr(text, true, true) })
		if err != nil {
			return nil, err
		}
		r.Address, r.Username, r.Password, r.DB = []string{where.address}, where.username, where.password, where.db
		r.TLS = r.TLS || where.tls
	}
	r.setDefaults()
	return &r, r.readFiles()
}

func (r *settings) setDefaults() {
	if len(r.Address) == 0 {
		r.Address = []string{defaultAddress}
	}
	if r.Timeout == 0 {
		r.Timeout = defaultTimeout
	}
	if r.DialTimeout == 0 {
		r.DialTimeout = defaultDialTimeout
	}
	if r.PoolSize == 0 {
		r.PoolSize = defaultPoolSize
	}
	if r.KeyPrefix == "" {
		r.KeyPrefix = defaultKeyPrefix
	}
}

func (r *settings) readFiles() error {
	for _, file := range []struct {
		name, path string
		content    *[]byte
	}{
		{"ca", r.TLSOptions.CA, &r.CA},
		{"cert", r.TLSOptions.Cert, &r.Cert},
		{"key", r.TLSOptions.Key, &r.CertKey},
	} {
		if file.path == "" {
			continue
		}
		content, err := os.ReadFile(file.path)
		if err != nil {
			return fmt.Errorf("tls %s: %w", file.name, err)
		}
		*file.content = content
	}
	return nil
}

func (r *settings) check() error {
	switch {
	case r.Cluster && r.SentinelMaster != "":
		return errors.New("cluster and sentinel_master are mutually exclusive")
	case r.Cluster && r.DB != 0:
		return fmt.Errorf("invalid db %d: a cluster has only db 0", r.DB)
	case r.DB < 0:
		return fmt.Errorf("invalid db %d: must not be negative", r.DB)
	case len(r.Address) > 1 && !r.Cluster && r.SentinelMaster == "":
		return errors.New("several addresses: add cluster or sentinel_master to say what they are")
	case r.SentinelMaster == "" && (r.SentinelUsername != "" || r.SentinelPassword != ""):
		return errors.New("sentinel_username and sentinel_password require sentinel_master")
	case r.Username != "" && r.Password == "":
		return errors.New("username requires password")
	case r.SentinelUsername != "" && r.SentinelPassword == "":
		return errors.New("sentinel_username requires sentinel_password")
	case r.Timeout < 0 || r.DialTimeout < 0:
		return errors.New("timeout and dial_timeout must not be negative")
	case r.PoolSize < 0:
		return fmt.Errorf("invalid pool_size %d: must not be negative", r.PoolSize)
	case r.MinReplicas < 0:
		return fmt.Errorf("invalid min_replicas %d: must not be negative", r.MinReplicas)
	case strings.ContainsAny(r.KeyPrefix, "{} \t\r\n"):
		return fmt.Errorf("invalid key_prefix %q: must not contain braces or spaces", r.KeyPrefix)
	case (r.TLSOptions.Cert == "") != (r.TLSOptions.Key == ""):
		return errors.New("tls: cert and key require each other")
	}
	for _, address := range r.Address {
		if isSocket(address) {
			if r.Cluster || r.SentinelMaster != "" {
				return fmt.Errorf("invalid address %q: a cluster or Sentinel cannot be on a unix socket", address)
			}
			continue
		}
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			return fmt.Errorf("invalid address %q: expected host:port, or the path of a unix socket", address)
		}
	}
	_, err := r.tlsConfig()
	return err
}

func (r *settings) tlsConfig() (*tls.Config, error) {
	if !r.TLS {
		return nil, nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         r.TLSOptions.ServerName,
		InsecureSkipVerify: r.TLSOptions.InsecureSkipVerify,
	}
	if r.TLSOptions.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(r.CA) {
			return nil, fmt.Errorf("tls ca %s: no PEM certificate in the file", r.TLSOptions.CA)
		}
	}
	if r.TLSOptions.Cert != "" {
		pair, err := tls.X509KeyPair(r.Cert, r.CertKey)
		if err != nil {
			return nil, fmt.Errorf("tls cert %s and key %s: %w", r.TLSOptions.Cert, r.TLSOptions.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// key returns the full name of a key. The braces are a hash tag, which keeps all keys
// on one node of a cluster.
func (r *settings) key(name string) string { return "{" + r.KeyPrefix + "}:" + name }

// isSocket reports whether address is a path rather than host:port.
func isSocket(address string) bool { return strings.HasPrefix(address, "/") }

// withPort adds the default port to an address without one.
func withPort(address string, sentinel bool) string {
	if isSocket(address) {
		return address
	}
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	port := defaultPort
	if sentinel {
		port = "26379"
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}
