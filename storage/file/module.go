// Package filestore keeps tokens and the audit trail in one file, with bbolt:
// for one Caddy on one machine, with nothing else to run.
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

// Store keeps tokens and the audit trail in a file on this machine. One
// process has the file open at a time; it is opened when it is first needed,
// so that a configuration can be validated while another Caddy runs on it.
type Store struct {
	// Path is the file. It is made, readable by Caddy's user alone, when it
	// does not exist, and so are the directories above it. A relative path
	// begins at the working directory. Placeholders such as {env.HOME} are
	// replaced.
	//
	// Default: jira_tokens/tokens.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// Create says that the file may be empty, or not there yet, where the running
	// configuration has a store with tokens. Without it such a reload is refused:
	// a slip in the path would refuse every token.
	//
	// Default: false. A Caddy that just starts makes the file anyway.
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
		return fmt.Errorf("path of the token store file: %w", err)
	}
	if s.resolved, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("path of the token store file: %w", err)
	}
	return nil
}

// Key returns the file's path: who opens it twice in one process waits for
// itself.
func (s *Store) Key() string { return "file " + s.resolved }

// String names the file, for messages.
func (s *Store) String() string { return "the token store file " + s.resolved }

// MayBeginEmpty reports whether the configuration says create.
func (s *Store) MayBeginEmpty() bool { return s.Create }

// NewStore returns the store. It does not touch the file.
func (s *Store) NewStore(logger *zap.Logger) (storage.Store, error) {
	if s.resolved == "" {
		return nil, errors.New("the token store file has no path: the module was not provisioned")
	}
	return New(s.resolved, logger), nil
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
