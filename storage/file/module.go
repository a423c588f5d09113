// Package filestore keeps tokens and the audit trail in a bbolt file. It is for a
// single Caddy on one machine, and needs nothing else to run.
package filestore

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

func init() { caddy.RegisterModule(new(Store)) }

// Store keeps tokens and the audit trail in a local file. Only one process at a time
// can have the file open. It is opened when it is first needed, so that a
// configuration can be validated while another Caddy is running with it.
type Store struct {
	// Path is the path of the file. If it does not exist, it is created, readable
	// only by Caddy's user, along with its parent directories. A relative path is
	// relative to the working directory. Placeholders such as {env.HOME} are
	// replaced.
	//
	// Default: jira_tokens/tokens.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// Create allows a reload to switch from a store that has tokens to a file that
	// is empty or does not exist, and creating the file in a directory that has the
	// file of another store. Without it, both fail, because a misspelled path would
	// stop every token from working.
	//
	// Default: false. In a directory without any, the file is created regardless.
	Create bool `json:"create,omitempty"`

	resolved string
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jira_tokens.stores.file", New: func() caddy.Module { return new(Store) }}
}

// Provision resolves the path. It does not touch the file.
func (s *Store) Provision(caddy.Context) error {
	if s.Path == "" {
		s.resolved = filepath.Join(caddy.AppDataDir(), "jira_tokens", "tokens.db")
		return nil
	}
	path, err := caddy.NewReplacer().ReplaceOrErr(s.Path, true, true)
	if err != nil {
		return fmt.Errorf("invalid path of the token store file: %w", err)
	}
	if s.resolved, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("invalid path of the token store file: %w", err)
	}
	return nil
}

// Key returns the file's path: a second open of the same file in one process would
// wait for the first to be closed.
func (s *Store) Key() string { return "file " + s.resolved }

// String describes the store in messages.
func (s *Store) String() string { return "the token store file " + s.resolved }

// MayBeginEmpty reports whether Create is set.
func (s *Store) MayBeginEmpty() bool { return s.Create }

// NewStore returns the store. It does not touch the file.
func (s *Store) NewStore(logger *zap.Logger) (storage.Store, error) {
	if s.resolved == "" {
		return nil, errors.New("the token store file has no path: the module was not provisioned")
	}
	return &store{path: s.resolved, logger: logger, besideOthers: s.Create}, nil
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	file [<path>] {
//	    create
//	}
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if d.NextArg() {
		s.Path = d.Val()
	}
	return option.Block{option.Flag("create", &s.Create)}.Read(d, "store file")
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Store)(nil)
	_ caddyfile.Unmarshaler = (*Store)(nil)
	_ storage.Module        = (*Store)(nil)
	_ storage.MayBeginEmpty = (*Store)(nil)
)
