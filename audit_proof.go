package jiratokens

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// AuditProof configures how the audit trail proves itself.
type AuditProof struct {
	// The key that signs checkpoints of the audit trail, as printed by
	// `caddy jira-token audit key --generate`. All gateways that share a store need the
	// same one. Supports placeholders, such as `{env.JIRA_TOKENS_AUDIT_KEY}`. Default:
	// a key that is generated once and kept in Caddy's storage
	Key string `json:"key,omitempty"`

	// Verifier keys with which checkpoints of the trail may be signed as well: those
	// of keys that were used before. Default: none, except for the key in Caddy's
	// storage
	TrustedKeys []string `json:"trusted_keys,omitempty"`

	// How long events are kept. Their hashes stay, so that the trail can still be
	// verified. At least `1h`. Default: forever
	Retention caddy.Duration `json:"retention,omitempty"`
}

// minRetention is the shortest time for which events are kept.
const minRetention = time.Hour

// options returns the subdirectives of audit.
func (p *AuditProof) options() option.Block {
	return option.Block{
		option.Text("key", &p.Key),
		option.Texts("trusted_keys", &p.TrustedKeys),
		option.Duration("retention", &p.Retention),
	}
}

// provisionTree sets up the tree that proves the trail. It opens nothing.
func (a *App) provisionTree(ctx caddy.Context) error {
	var config AuditProof
	if a.Audit != nil {
		config = a.Audit.AuditProof
	}
	options := tree.Options{
		Trusted: config.TrustedKeys, Retention: time.Duration(config.Retention), Keep: ctx.Storage(),
		StoreKey: a.store.Key(), Node: nodeName(), Logger: a.logger.Named("audit"), Now: time.Now,
	}
	if config.Retention != 0 && options.Retention < minRetention {
		return fmt.Errorf("audit: invalid retention %s: expected at least %s", options.Retention, minRetention)
	}
	if _, err := proof.ParseKeys(config.TrustedKeys); err != nil {
		return fmt.Errorf("audit: trusted_keys: %w", err)
	}
	if config.Key != "" {
		text, err := caddy.NewReplacer().ReplaceOrErr(config.Key, true, true)
		if err != nil {
			return fmt.Errorf("audit: key: %w", err)
		}
		key, err := tree.ParseKey(text)
		if err != nil {
			return fmt.Errorf("audit: key: %w", err)
		}
		options.Key = &key
	}
	a.tree = tree.New(a.tokens.Store, options)
	return nil
}

// startTree adds events to the tree while this configuration is in service.
func (a *App) startTree() {
	a.tokens.Go(func(ctx context.Context) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(a.ctx, stop)()
		a.tree.Run(ctx)
	})
}

// AuditTree returns the tree that proves the audit trail.
func (a *App) AuditTree() *tree.Log { return a.tree }
