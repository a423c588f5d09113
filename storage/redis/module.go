// Package redisstore keeps tokens and the audit trail in Redis, for several
// Caddys that share them: a standalone server, Sentinel or Cluster.
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

// Store keeps tokens and the audit trail in Redis 7.0 or later, or in what
// speaks its protocol. Nothing is connected to before it is needed, so that a
// configuration can be validated while Redis is away.
//
// Placeholders such as {env.REDIS_PASSWORD} or {file./run/secrets/redis} are
// replaced in all texts. A secret belongs in one, not into the configuration.
type Store struct {
	// URL is where a standalone server is, in short:
	// redis://[user:password@]host[:port][/db], rediss:// for TLS, or
	// unix://[user:password@]/path/to/socket[?db=N]. It stands for address,
	// username, password and db, none of which can be set with it, and for
	// tls; options of tls can be.
	URL string `json:"url,omitempty"`

	// Address is where Redis is: host:port, or the path of a unix socket. For
	// a cluster or for Sentinel, list several nodes: any that answers will do.
	//
	// Default: 127.0.0.1:6379
	Address []string `json:"address,omitempty"`

	// Username is that of an ACL user. Default: the default user.
	Username string `json:"username,omitempty"`

	// Password is the user's. It is in no log and no error. A placeholder
	// that is empty stops the configuration from loading.
	Password string `json:"password,omitempty"`

	// DB is the number of the database. A cluster has only 0, the default.
	DB int `json:"db,omitempty"`

	// SentinelMaster is the name under which Sentinel knows the primary. Set
	// it, and Address lists sentinels.
	SentinelMaster string `json:"sentinel_master,omitempty"`

	// SentinelUsername is that of the sentinels' own ACL user, if they have
	// one.
	SentinelUsername string `json:"sentinel_username,omitempty"`

	// SentinelPassword is the sentinels' own, if they have one.
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// Cluster says that Address lists nodes of a Redis Cluster.
	Cluster bool `json:"cluster,omitempty"`

	// TLS says how to connect with TLS. Default: without.
	TLS *TLS `json:"tls,omitempty"`

	// Timeout bounds every command, from waiting for a connection to the last
	// byte of the answer. Default: 500ms
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// DialTimeout bounds the making of a connection. Default: 250ms
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// PoolSize is how many connections are kept at most, to each node of a
	// cluster. Default: 16
	PoolSize int `json:"pool_size,omitempty"`

	// MinReplicas is how many replicas must have a change before it counts as
	// made. With fewer of them no change is made at all. A change that was
	// acknowledged then outlives the loss of the primary, provided that one
	// of these replicas takes over: certain when all must have it, and what
	// Sentinel and Cluster aim at otherwise. One less than there are lets
	// changes go on while one of the servers is away.
	//
	// Default: 0, a change is made when the primary has it.
	MinReplicas int `json:"min_replicas,omitempty"`

	// KeyPrefix is what the names of all keys begin with, in braces: of a
	// cluster, one node holds them all, which is what makes a change atomic.
	// Caddys that share tokens have the same. Default: jira_tokens
	KeyPrefix string `json:"key_prefix,omitempty"`

	// Create says that Redis may have no tokens where the running configuration's
	// store has some. Without it such a reload is refused: a slip in the address,
	// the database or the prefix would refuse every token. Default: false
	Create bool `json:"create,omitempty"`

	settings *settings
}

// TLS is how to connect with TLS.
type TLS struct {
	// CA is a file of PEM certificates that the server's must be issued by.
	// Default: those that the system trusts.
	CA string `json:"ca,omitempty"`

	// ServerName is whom the server's certificate must name. Default: the
	// host of the address.
	ServerName string `json:"server_name,omitempty"`

	// Cert is a file with the PEM certificate to authenticate by, for servers
	// that ask for one.
	Cert string `json:"cert,omitempty"`

	// Key is the file with Cert's PEM key.
	Key string `json:"key,omitempty"`

	// InsecureSkipVerify accepts any certificate: whoever is in between reads
	// and changes everything. Not for production. Default: false
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jira_tokens.stores.redis", New: func() caddy.Module { return new(Store) }}
}

// Provision sets defaults and replaces placeholders. It connects to nothing.
func (s *Store) Provision(caddy.Context) error {
	settings, err := s.resolve(caddy.NewReplacer())
	if err != nil {
		return fmt.Errorf("store redis: %w", err)
	}
	s.settings = settings
	return nil
}

// Validate refuses what contradicts itself.
func (s *Store) Validate() error {
	if err := s.settings.check(); err != nil {
		return fmt.Errorf("store redis: %w", err)
	}
	return nil
}

// Key names the server and, by a hash, everything else that is configured,
// down to what is in the certificate files.
func (s *Store) Key() string {
	data, err := json.Marshal(s.settings)
	if err != nil {
		panic(err) // texts and numbers only
	}
	sum := sha256.Sum256(data)
	return "redis " + strings.Join(s.settings.Address, ",") + " " + hex.EncodeToString(sum[:])
}

// String names the server, for messages.
func (s *Store) String() string {
	return fmt.Sprintf("%s, database %d, keys %s", s.settings.describe(), s.settings.DB, s.settings.key("*"))
}

// MayBeginEmpty reports whether the configuration says create.
func (s *Store) MayBeginEmpty() bool { return s.Create }

// NewStore returns the store. It connects to nothing.
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
