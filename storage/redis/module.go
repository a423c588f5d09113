// Package redisstore keeps tokens and the audit trail in Redis, so that several
// Caddys can share them. It supports standalone servers, Sentinel and Cluster.
package redisstore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

func init() { caddy.RegisterModule(new(Store)) }

// Store keeps tokens and the audit trail in Redis 7.0 or later, or in a server that
// speaks its protocol. It does not connect before it needs to, so that a
// configuration can be validated while Redis is down.
//
// Placeholders such as {env.REDIS_PASSWORD} or {file./run/secrets/redis} are
// replaced in all strings. Use them to keep secrets out of the configuration.
type Store struct {
	// URL is the URL of a standalone server:
	// redis://[user:password@]host[:port][/db], rediss:// for TLS, or
	// unix://[user:password@]/path/to/socket[?db=N]. It replaces address, username,
	// password and db, none of which can be set along with it. The options of tls
	// can be.
	URL string `json:"url,omitempty"`

	// Address lists the addresses of Redis: host:port, or the path of a unix socket.
	// For a cluster or for Sentinel, list several nodes, of which any one suffices.
	//
	// Default: 127.0.0.1:6379
	Address []string `json:"address,omitempty"`

	// Username is the name of an ACL user. Default: the default user.
	Username string `json:"username,omitempty"`

	// Password is the user's password. It never appears in logs or errors. An empty
	// placeholder prevents the configuration from loading.
	Password string `json:"password,omitempty"`

	// DB is the number of the database. A cluster has only database 0. Default: 0
	DB int `json:"db,omitempty"`

	// SentinelMaster is the name by which Sentinel knows the primary. If it is set,
	// Address lists sentinels.
	SentinelMaster string `json:"sentinel_master,omitempty"`

	// SentinelUsername is the name of an ACL user of the sentinels, if they require
	// one.
	SentinelUsername string `json:"sentinel_username,omitempty"`

	// SentinelPassword is the sentinels' password, if they require one.
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// Cluster means that Address lists nodes of a Redis Cluster. Default: false
	Cluster bool `json:"cluster,omitempty"`

	// TLS enables TLS and configures it. Default: no TLS, unless the URL is a
	// rediss:// one.
	TLS *TLS `json:"tls,omitempty"`

	// Timeout is the timeout of every command, from waiting for a connection to the
	// last byte of the reply. Default: 500ms
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// DialTimeout is the timeout for making a connection. Default: 250ms
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// PoolSize is the maximum number of connections, per node of a cluster.
	// Default: 16
	PoolSize int `json:"pool_size,omitempty"`

	// MinReplicas is the number of replicas that must have a change before it is
	// acknowledged. If fewer are connected, changes are refused. An acknowledged
	// change then survives the loss of the primary if one of these replicas takes
	// over. That is certain if all replicas must have it; otherwise Sentinel and
	// Cluster prefer such a replica. One less than the number of replicas allows
	// changes while one of the servers is down.
	//
	// Default: 0. Changes are acknowledged when the primary has them.
	MinReplicas int `json:"min_replicas,omitempty"`

	// KeyPrefix is the prefix of the names of all keys, where it is in braces. The
	// braces keep all keys on one node of a cluster, so that changes can be atomic.
	// Caddys that share tokens must use the same prefix. Default: jira_tokens
	KeyPrefix string `json:"key_prefix,omitempty"`

	// Create allows a reload to switch from a store that has tokens to a Redis that
	// has none. Without it, such a reload fails, because a mistake in the address,
	// the database or the prefix would stop every token from working. Default: false
	Create bool `json:"create,omitempty"`

	settings *settings
}

// TLS configures connections with TLS.
type TLS struct {
	// CA is a file with PEM certificates of the authorities that may issue the
	// server's certificate. Default: those that the system trusts.
	CA string `json:"ca,omitempty"`

	// ServerName is the name that the server's certificate must be valid for.
	// Default: the host of the address.
	ServerName string `json:"server_name,omitempty"`

	// Cert is a file with a PEM client certificate, for servers that require one.
	Cert string `json:"cert,omitempty"`

	// Key is the file with the PEM private key of Cert.
	Key string `json:"key,omitempty"`

	// InsecureSkipVerify accepts any certificate, so that anyone on the network path
	// can read and change everything. Do not use it in production. Default: false
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jira_tokens.stores.redis", New: func() caddy.Module { return new(Store) }}
}

// Provision sets defaults and replaces placeholders. It does not connect.
func (s *Store) Provision(caddy.Context) error {
	settings, err := s.resolve(caddy.NewReplacer())
	if err != nil {
		return fmt.Errorf("store redis: %w", err)
	}
	s.settings = settings
	return nil
}

// Validate checks the options.
func (s *Store) Validate() error {
	if err := s.settings.check(); err != nil {
		return fmt.Errorf("store redis: %w", err)
	}
	return nil
}

// Key returns the server's address and a hash of the whole configuration, including
// the contents of the certificate files.
func (s *Store) Key() string {
	data, err := json.Marshal(s.settings)
	if err != nil {
		panic(err) // cannot fail
	}
	sum := sha256.Sum256(data)
	return "redis " + strings.Join(s.settings.Address, ",") + " " + hex.EncodeToString(sum[:])
}

// String describes the store in messages.
func (s *Store) String() string {
	return fmt.Sprintf("%s, database %d, keys %s", s.settings.describe(), s.settings.DB, s.settings.key("*"))
}

// MayBeginEmpty reports whether Create is set.
func (s *Store) MayBeginEmpty() bool { return s.Create }

// NewStore returns the store. It does not connect.
func (s *Store) NewStore(logger *zap.Logger) (storage.Store, error) {
	if s.settings == nil {
		return nil, errors.New("store redis: the module was not provisioned")
	}
	return newStore(s.settings, logger)
}

// Interface guards
var (
	_ caddy.Provisioner = (*Store)(nil)
	_ caddy.Validator   = (*Store)(nil)
	_ storage.Module    = (*Store)(nil)

	_ storage.MayBeginEmpty = (*Store)(nil)
)
